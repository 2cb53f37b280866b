"""What one key says about another. Each check yields the key at fault and what is wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gatekeeper.config.sections import Api, Clock, Gate, Section, Stripe, Web
from gatekeeper.gate.settings import GateRefused, GateSettings

Wrong = tuple[str, str]


def cross_check(sections: Mapping[str, Section]) -> Iterator[Wrong]:
    """All faults between keys. A section that is itself beyond reading is missing, and what needs it is not checked."""
    for section in sections.values():
        match section:
            case Gate():
                yield from _gate(section)
            case Clock():
                yield from _clock(section)
            case Stripe():
                yield from _repeated(
                    "stripe.webhook_secrets", [secret.get_secret_value() for secret in section.webhook_secrets]
                )
            case Api():
                yield from _repeated("api.tokens", [token.name for token in section.tokens])
                yield from _repeated("api.tokens", [token.token.get_secret_value() for token in section.tokens])
    match sections:
        case {"clock": Clock(source="simulated"), "stripe": Stripe(api_key=key)} if "_live_" in key.get_secret_value():
            yield (
                "clock.source",
                "a simulated clock and a live Stripe key: real customers would be locked out at invented times",
            )
    match sections:
        case {"stripe": Stripe(api_base=base, api_key=key)} if base.startswith("http:") and "_live_" in key.get_secret_value():
            yield "stripe.api_base", "a live Stripe key is sent over https only"
    match sections:
        case {"web": Web(address=(_, port) as address), "gate": Gate(address=other)} if address == other and port:
            yield "gate.listen", "is the address of web.listen too: give it another port"


def _gate(gate: Gate) -> Iterator[Wrong]:
    host, port = gate.address
    try:
        GateSettings(
            host=host,
            port=port,
            identity_headers=tuple(source.header for source in gate.identity),
            edge_secret=gate.edge_secret.get_secret_value(),
            always_allow=gate.always_allow,
            snapshot_path=Path(),
            fallback_page_path=Path(),
            page_url="",
        ).check()
    except GateRefused as fault:
        yield "gate.edge_secret", str(fault)


def _clock(clock: Clock) -> Iterator[Wrong]:
    if clock.source == "simulated" and not clock.file:
        yield "clock.file", "is missing: a simulated clock reads its instant from a file"


def _repeated(key: str, values: Iterable[Any]) -> Iterator[Wrong]:
    """Says how many, not which: they may be secrets."""
    times = max(Counter(values).values(), default=0)
    if times > 1:
        yield key, f"the same name or secret stands there {times} times: write each once"
