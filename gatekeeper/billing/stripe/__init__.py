"""Stripe's answers in our words. The only room that knows the SDK, and it only ever reads (rule 12)."""
