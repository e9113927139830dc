"""The guards: exact checks of data, code and files. Each returns what it found; an empty list is a clean bill."""
