"""Letters and the ways to deliver them: `letter` composes one, `transport` opens the way that a mail URL names."""
