"""Orders on the ledger: features of them, and the detectors that look at them."""
