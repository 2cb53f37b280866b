"""The words that people see: letters and pages from templates, in the reader's language. Nothing here sends or serves."""

from gatekeeper.wording.facts import LetterIncomplete
from gatekeeper.wording.rendering import Wording
from gatekeeper.wording.views import Asked, CameOf, Form, LetterView, LockoutView, Owed, Product, Promised, Told, Written, mask

__all__ = [
    "Asked",
    "CameOf",
    "Form",
    "LetterIncomplete",
    "LetterView",
    "LockoutView",
    "Owed",
    "Product",
    "Promised",
    "Told",
    "Wording",
    "Written",
    "mask",
]
