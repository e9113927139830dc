"""The ledger: what was predicted, for whom it was asked, by which model, and what turned out to be true."""
