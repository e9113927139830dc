"""What lies between a judged model and its release: the checklist, the signatures, the concerns."""
