"""What the product tells us, and where: its directory, and the API, out of the settings."""

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import httpx
from starlette.routing import Mount

from gatekeeper import api
from gatekeeper.config import Settings
from gatekeeper.directory import Directory
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer import Writer
from gatekeeper.wiring.clock import Clock


def open_directory(settings: Settings, client: httpx.Client, writer: Writer) -> Directory | None:
    """None: the product has no directory, and nothing waits for it."""
    directory = settings.directory
    if not directory.url:
        return None
    return Directory(
        url=directory.url,
        token=directory.token.get_secret_value(),
        cache=timedelta(seconds=directory.cache_seconds),
        timeout_seconds=directory.timeout_seconds,
        client=client,
        look_up=writer.profiles.look_up,
    )


def api_routes(
    settings: Settings,
    reader: Reader,
    writer: Writer,
    clock: Clock,
    wake: Callable[[], None],
    stopping: Callable[[], bool],
) -> list[Mount]:
    tokens = [
        api.Token(name=token.name, secret=token.token.get_secret_value(), scopes=token.scopes) for token in settings.api.tokens
    ]
    zone = ZoneInfo(settings.product.time_zone)
    parts = api.Api(
        reader=reader,
        profiles=writer.profiles,
        statements=writer.statements,
        zone=zone,
        clock=clock,
        wake=wake,
        stopping=stopping,
    )
    return api.routes(parts, tokens)
