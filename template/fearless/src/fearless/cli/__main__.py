"""`python -m fearless.cli` is `fearless`."""

from fearless.cli import main

main()
