"""What we know and what we did, durable. Reader and writer are apart; nobody else knows SQL. Not double-entry books."""
