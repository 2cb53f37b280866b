"""The JSON API: the product tells us of its accounts, and of invoices that are billed elsewhere. docs/api.md."""

from gatekeeper.api.guard import Token
from gatekeeper.api.routes import Api, routes

__all__ = ["Api", "Token", "routes"]
