"""Providers that take letters over an HTTP API, each in a file of its own; `http` is what they have in common."""
