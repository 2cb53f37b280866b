"""E-mail addresses as a mail server takes them: ASCII, checked piece by piece, in time linear in their length.

No message of this module repeats the address: what it refuses ends up in logs and on staff pages.
"""

import string
from functools import lru_cache

import idna

_LOCAL = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~.")
_LOCAL_LIMIT, _ADDRESS_LIMIT = 64, 254  # RFC 5321 4.5.3.1; 254: a path of 256 with its brackets


class AddressInvalid(ValueError):
    """Nothing can be sent to, or from, this address; the text says what is wrong with it."""


@lru_cache(maxsize=4096)  # 40 µs each, and every letter asks for the sender's again
def ascii_domain(text: str) -> str:
    """The domain in ASCII and lower case, as IDNA 2008 writes it.

    IDNA 2003 (`encodings.idna`) writes another name for some letters, `ß` among them: that mail would go to a stranger.

    Raises:
        AddressInvalid: not a domain name of at least two labels.
    """
    try:
        domain = idna.encode(text, uts46=True).decode("ascii")
    except UnicodeError as fault:
        raise AddressInvalid("its domain is no domain name") from fault
    labels = domain.split(".")
    if len(labels) == 1 or labels[-1].isdigit() or not all(labels):
        raise AddressInvalid("its domain is incomplete: a name like `company.example` is needed after the @")
    return domain


def ascii_address(text: str) -> str:
    """The address with its domain in ASCII.

    Only plain local parts (RFC 5322 dot-atom) are taken: quoted ones are next to unused, and those with letters beyond
    ASCII need SMTPUTF8, which many servers on the way refuse after having been trusted with the message.

    Raises:
        AddressInvalid: and what is wrong.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at:
        raise AddressInvalid("it has no @")
    if not local.isascii():
        raise AddressInvalid("it has letters beyond ASCII before the @, which not every mail server carries: ask for another")
    if not local or len(local) > _LOCAL_LIMIT or not _LOCAL.issuperset(local) or "" in local.split("."):
        raise AddressInvalid("the part before the @ is empty, too long, or has characters or dots that may not stand there")
    address = f"{local}@{ascii_domain(domain)}"
    if len(address) > _ADDRESS_LIMIT:
        raise AddressInvalid(f"it is longer than {_ADDRESS_LIMIT} characters")
    return address


def mailbox(text: str) -> tuple[str, str]:
    """Name (or "") and ASCII address of `Acme Billing <billing@acme.example>` or `billing@acme.example`.

    Raises:
        AddressInvalid: the address is none, or the brackets do not match.
    """
    text = text.strip()
    if not text.endswith(">"):
        return "", ascii_address(text)
    name, bracket, address = text[:-1].rpartition("<")
    if not bracket:
        raise AddressInvalid("it ends with > but has no <")
    return name.strip().strip('"'), ascii_address(address)
