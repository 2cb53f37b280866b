"""The sections by which the product tells us of its accounts: what we ask it, and what it says by itself."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from gatekeeper.config.kinds import FILLED, AccountUrl, Allowed, Count, Secret
from gatekeeper.config.section import Section


class Directory(Section):
    """The product's own knowledge of whom to write to, asked over HTTP (`docs/contacts.md`)."""

    url: AccountUrl = Field("", description="Where an account's people are asked for; empty: nobody is asked.")
    token: Secret = Field(SecretStr(""), description="Sent along as `Authorization: Bearer …`, when not empty.")
    cache_seconds: Count = Field(3600, description="How long an answer holds; suspension waits for a newer one after that.")
    timeout_seconds: Count = Field(5, description="How long an answer is waited for.")


class Token(Section):
    """One user of the JSON API."""

    name: Annotated[str, FILLED]
    token: Annotated[SecretStr, FILLED]
    scopes: tuple[Literal["read", "write"], ...]


class Api(Section):
    """The JSON API."""

    tokens: Annotated[
        tuple[Token, ...], Allowed('list of `{ name = "ops", token = "…", scopes = ["read", "write"] }`', secret=True)
    ] = Field((), description="Who may use it, and for what.")
