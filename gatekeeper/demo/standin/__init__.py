"""A stand-in for Stripe, spoken to over HTTP: what gatekeeper reads, and the turns that real Stripe takes only in its own time.

It stands on the other side of the wire: it imports nothing of gatekeeper, and names, units and shapes are Stripe's own
(API 2026-10-28.endive), not the house's: instants are whole seconds since 1970, amounts are minor units.
"""
