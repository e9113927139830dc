"""The three stages of dvc.yaml, what runs them, and what judges their result."""
