"""What reaches the world outside the ledger: claim one planned effect, do it, settle it."""
