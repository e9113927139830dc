"""What was served, held against what the model was trained on and against the truth that came later."""
