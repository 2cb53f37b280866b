"""The public pages: the lockout page, and the links to the payment page."""

from gatekeeper.pages.books import Books, PayLink
from gatekeeper.pages.routes import PAGE_HEADER, routes

__all__ = ["PAGE_HEADER", "Books", "PayLink", "routes"]
