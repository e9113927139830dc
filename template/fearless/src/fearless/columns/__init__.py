"""The column dictionary: what each column means, and whether it is known when a prediction is made."""
