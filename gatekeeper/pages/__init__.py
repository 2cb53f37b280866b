"""The public pages: the lockout page, and the links to the payment page."""

from gatekeeper.pages.books import Books, Deeds, PayLink
from gatekeeper.pages.routes import PAGE_HEADER, Signers, routes
from gatekeeper.pages.watching import Watch

__all__ = ["PAGE_HEADER", "Books", "Deeds", "PayLink", "Signers", "Watch", "routes"]
