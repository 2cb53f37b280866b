"""What DNS says of the domain that letters come from: SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489).

Large mail providers refuse, or file as spam, what comes without them. Needs dnspython, of `gatekeeper[dkim]`.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from gatekeeper.perform.mail.dkim import Signer

_SECONDS: Final = 3.0
_EXAMPLE_SPF: Final = "v=spf1 mx include:spf.your-mail-service.example ~all"

Ask = Callable[[str], list[str]]
"""The TXT records of a name; none: there is no such record. Raises DnsSilent."""


class DnsSilent(Exception):
    """DNS could not be asked, which says nothing about what it holds."""


class Sign(StrEnum):
    """Of a finding. `MISSING`: letters suffer from it. `UNKNOWN`: a person has to look. `NOTE`: as you will have wanted it."""

    FOUND = "found"
    NOTE = "note"
    UNKNOWN = "unknown"
    MISSING = "missing"


class Finding(NamedTuple):
    about: str
    sign: Sign
    what: str


def examine(*, domain: str, envelope_domain: str, signer: Signer | None, ask: Ask) -> list[Finding]:
    """What DNS says of letters from `domain` whose bounces go to `envelope_domain`."""
    found: list[Finding] = []
    for about, said in (
        ("SPF", _spf(envelope_domain, ask)),
        ("DKIM", _dkim(signer, ask)),
        ("DMARC", _dmarc(domain, envelope_domain, ask, signed=signer is not None)),
    ):
        try:
            found += [Finding(about, sign, what) for sign, what in said]
        except DnsSilent as fault:
            found.append(Finding(about, Sign.UNKNOWN, f"DNS could not be asked: {fault}"))
    return found


def open_dns(server: tuple[str, int] | None = None) -> Ask:
    """Asks this server (address and port), else the resolvers of this machine. Raises DnsSilent: there are none."""
    try:
        import dns.exception  # noqa: PLC0415 - an optional extra
        import dns.resolver  # noqa: PLC0415 - as above
    except ImportError as fault:
        raise DnsSilent("it takes dnspython: `pip install 'gatekeeper[dkim]'`") from fault
    try:
        resolver = dns.resolver.Resolver(configure=server is None)
    except dns.exception.DNSException as fault:
        raise DnsSilent("this machine names no resolver (/etc/resolv.conf)") from fault
    if server is not None:
        resolver.nameservers, resolver.port = [server[0]], server[1]

    def ask(name: str) -> list[str]:
        try:
            answer = resolver.resolve(f"{name}.", "TXT", lifetime=_SECONDS, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as fault:
            raise DnsSilent(f"no usable answer about {name} ({type(fault).__name__})") from fault
        return [b"".join(record.strings).decode("ascii", "replace") for record in answer]

    return ask


def _spf(domain: str, ask: Ask) -> Iterator[tuple[Sign, str]]:
    records = [text for text in ask(domain) if text.lower().split(" ")[0] == "v=spf1"]
    if not records:
        yield Sign.MISSING, f'nobody is named who may send for {domain}: add a TXT record at {domain}, such as "{_EXAMPLE_SPF}"'
        return
    if len(records) > 1:
        yield Sign.MISSING, f"{domain} has {len(records)} SPF records, which counts as none (RFC 7208 4.5): make one of them"
        return
    terms = records[0].lower().split()
    if terms[1:] == ["-all"]:
        yield Sign.MISSING, f'{domain} says that nobody may send for it: name your mail server, as in "{_EXAMPLE_SPF}"'
    elif {"all", "+all"}.intersection(terms):
        yield Sign.MISSING, f"{domain} lets everybody send for it, which counts for nothing: end the record with ~all or -all"
    else:
        yield Sign.FOUND, f"{domain}: {records[0]}"


def _dkim(signer: Signer | None, ask: Ask) -> Iterator[tuple[Sign, str]]:
    if signer is None:
        yield (
            Sign.NOTE,
            "letters leave here unsigned, as they should where the mail server signs; else set mail.dkim_selector",
        )
        return
    records = [_tags(text) for text in ask(signer.name) if "p" in _tags(text)]
    wanted = f'a TXT record at {signer.name} with "{signer.record}" (in pieces of at most 255 characters)'
    if not records:
        yield Sign.MISSING, f"readers find no key for our signatures: add {wanted}"
    elif _tags(signer.record)["p"] not in {tags["p"].replace(" ", "") for tags in records}:
        yield Sign.MISSING, f"the record holds another key than mail.dkim_key_file: there has to be {wanted}"
    elif any("y" in tags.get("t", "").split(":") for tags in records):
        yield Sign.MISSING, f"{signer.name} says t=y, for which readers treat letters as unsigned: take it out"
    else:
        yield Sign.FOUND, f"{signer.name} holds the key that letters are signed with"


def _dmarc(domain: str, envelope_domain: str, ask: Ask, *, signed: bool) -> Iterator[tuple[Sign, str]]:
    for place in _upwards(domain):
        records = [text for text in ask(f"_dmarc.{place}") if text.replace(" ", "").lower().startswith("v=dmarc1")]
        if records:
            break
    else:
        record = f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"
        yield Sign.MISSING, f'nobody is told what to do with forgeries: add a TXT record at _dmarc.{domain}, such as "{record}"'
        return
    if len(records) > 1:
        yield Sign.MISSING, f"_dmarc.{place} has {len(records)} DMARC records, which counts as none: leave one"
    elif _tags(records[0]).get("p", "").lower() not in {"none", "quarantine", "reject"}:
        yield Sign.MISSING, f"the record at _dmarc.{place} has no p=none, p=quarantine or p=reject: add one"
    else:
        yield Sign.FOUND, f"_dmarc.{place}: {records[0]}"
    if not signed and not _is_kin(domain, envelope_domain):
        what = f"bounces go to {envelope_domain}, so that SPF does not speak for {domain}: somebody has to sign for {domain}"
        yield Sign.UNKNOWN, f"{what}, or mail.bounce_address has to be of that domain"


def _tags(record: str) -> dict[str, str]:
    """A list of tags, RFC 6376 3.2."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _upwards(domain: str) -> Iterable[str]:
    """The domain and those above it, down to two labels: which of them is the organisation's is not known here."""
    labels = domain.split(".")
    return (".".join(labels[start:]) for start in range(len(labels) - 1))


def _is_kin(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")
