"""gatekeeper: reminds, warns and at last suspends access of accounts with overdue invoices; restores it when they pay."""

__version__ = "0.1.0"
