"""What one key says about another. Each check yields the key at fault and what is wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gatekeeper.config.gate import Gate
from gatekeeper.config.hooks import Hooks
from gatekeeper.config.mail import Mail
from gatekeeper.config.section import Section
from gatekeeper.config.sections import Clock, Stripe, Web
from gatekeeper.config.told import Api
from gatekeeper.gate.settings import GateRefused, GateSettings

Wrong = tuple[str, str]


def cross_check(sections: Mapping[str, Section]) -> Iterator[Wrong]:
    """All faults between keys. A section that is itself beyond reading is missing, and what needs it is not checked."""
    for check in (_clock, _live_key, _listeners, _gate, _dkim, _hooks, _repetitions):
        yield from check(sections)


def _clock(sections: Mapping[str, Section]) -> Iterator[Wrong]:
    match sections:
        case {"clock": Clock(source="simulated", file="")}:
            yield "clock.file", "is missing: a simulated clock reads its instant from a file"


def _live_key(sections: Mapping[str, Section]) -> Iterator[Wrong]:
    match sections:
        case {"stripe": Stripe() as stripe} if "_live_" in stripe.api_key.get_secret_value():
            if not stripe.api_base.startswith("https:"):
                yield "stripe.api_base", "a live Stripe key is sent over https only"
            clock = sections.get("clock")
            if isinstance(clock, Clock) and clock.source == "simulated":
                yield (
                    "clock.source",
                    "with a live Stripe key real customers would be locked out at invented times: use `system`",
                )


def _listeners(sections: Mapping[str, Section]) -> Iterator[Wrong]:
    match sections:
        case {"web": Web(address=(_, port) as address), "gate": Gate(address=other)} if address == other and port:
            yield "gate.listen", "is the address of web.listen too: give it another port"


def _gate(sections: Mapping[str, Section]) -> Iterator[Wrong]:
    match sections:
        case {"gate": Gate(address=(host, port)) as gate}:
            try:
                GateSettings(
                    host=host,
                    port=port,
                    identity=gate.sources,
                    viewer_header=gate.viewer,
                    edge_secret=gate.edge_secret.get_secret_value(),
                    always_allow=gate.always_allow,
                    snapshot_path=Path(),
                    fallback_page_path=Path(),
                    closed_page_path=Path(),
                    page_url="",
                    feed_url=gate.feed_url,
                    feed_token=gate.feed_token.get_secret_value(),
                ).check()
            except GateRefused as fault:
                yield fault.key, str(fault)


def _dkim(sections: Mapping[str, Section]) -> Iterator[Wrong]:
    match sections:
        case {"mail": Mail(dkim_selector="", dkim_key_file=file)} if file:
            yield "mail.dkim_selector", "is missing: a DKIM key signs under the name by which DNS has its other half"
        case {"mail": Mail(dkim_selector=selector, dkim_key_file="")} if selector:
            yield "mail.dkim_key_file", "is missing: a DKIM selector names a key"
        case {"mail": Mail(dkim_selector=selector, url=url)} if selector:
            if not url.get_secret_value().startswith(("smtp:", "smtps:", "file:")):
                yield "mail.dkim_selector", "mail providers sign letters themselves: leave it empty, or send by `smtp://`"


def _hooks(sections: Mapping[str, Section]) -> Iterator[Wrong]:
    match sections:
        case {"hooks": Hooks(secrets=()) as hooks} if hooks.url:
            yield "hooks.secrets", "is missing: hooks are signed; `echo whsec_$(openssl rand -base64 32)` makes one"


def _repetitions(sections: Mapping[str, Section]) -> Iterator[Wrong]:
    match sections:
        case {"stripe": Stripe(webhook_secrets=secrets)}:
            yield from _repeated("stripe.webhook_secrets", [secret.get_secret_value() for secret in secrets])
    match sections:
        case {"hooks": Hooks(secrets=secrets)}:
            yield from _repeated("hooks.secrets", [secret.get_secret_value() for secret in secrets])
    match sections:
        case {"api": Api(tokens=tokens)}:
            yield from _repeated("api.tokens", [token.name for token in tokens])
            yield from _repeated("api.tokens", [token.token.get_secret_value() for token in tokens])


def _repeated(key: str, values: Iterable[str]) -> Iterator[Wrong]:
    """Says how many, not which: they may be secrets."""
    times = max(Counter(values).values(), default=0)
    if times > 1:
        yield key, f"the same name or secret stands there {times} times: write each once"
