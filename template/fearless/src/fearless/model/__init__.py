"""The model: the contract with the team's code, training, and the artifact that is shipped."""
