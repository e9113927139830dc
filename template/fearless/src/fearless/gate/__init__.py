"""The benchmark gate: is the candidate good enough to ship, and how sure is that."""
