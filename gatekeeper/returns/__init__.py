"""What came back of the letters that were sent: by mail, in a mailbox, or told by a mail provider's webhook (docs/returns.md).

Nothing here decides anything: it reads what hostile strangers may have written, and notes it of the one notice that it names.
"""
