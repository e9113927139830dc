"""The team's code: where the rows come from, what the model sees of them, and the model."""
