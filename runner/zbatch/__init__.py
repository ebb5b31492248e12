"""Bill a reviewed list of accounts on Zuora, each exactly once, and prove it with a report."""

__version__ = "0.1.0"
