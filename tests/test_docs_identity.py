"""docs/identity.md: its settings load, its cookie is read, and its formula is the one that the gate reckons with."""

import base64
import hmac
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from gatekeeper.config.sections import Gate
from gatekeeper.gate.fields import HeaderNames
from gatekeeper.gate.readers import Asked, Identifier
from gatekeeper.gate.sources import CookieSource
from gatekeeper.wiring.clock import system_clock

PAGE = (Path(__file__).parents[1] / "docs/identity.md").read_text()
SECRET = "one of gate.identity_secrets, 32 characters or more"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def _named_by(cookie: bytes) -> bytes:
    fields = HeaderNames([]).read([(b"Cookie", b"account=" + cookie)])
    return Identifier([CookieSource("account", (SECRET,))], system_clock).identify(fields, Asked(b"GET", b"/"))


def test_the_cookie_of_the_page_names_its_account_and_so_does_its_formula() -> None:
    (example,) = _blocks("python")
    made: dict[str, str] = {}
    exec(example, made)
    assert _named_by(made["cookie"].encode()) == b"acme"
    key = hmac.digest(SECRET.encode(), b"gatekeeper.account", "sha256")
    tag = base64.urlsafe_b64encode(hmac.digest(key, b"acme", "sha256")).rstrip(b"=")
    assert made["cookie"].encode() == b"acme." + tag


def test_every_entry_of_the_page_is_one_that_the_settings_take() -> None:
    secrets = (SecretStr(SECRET),)
    entries = re.findall(r"^\| `(\{ .*? \})` \|", PAGE, re.MULTILINE)
    assert len(entries) == 5
    for entry in entries:
        (source,) = Gate(**tomllib.loads(f"identity = [{entry}]"), identity_secrets=secrets).sources
        assert source.fault() == ""
    for block in _blocks("toml"):
        (source,) = Gate(**tomllib.loads(block)["gate"]).sources
        assert source.fault() == ""


@pytest.mark.parametrize(
    "entry",
    ["{}", '{ header = "A", host = "{account}.b" }', '{ header = "A", issuer = "x" }', '{ jwt = "a", path = "/{account}" }'],
)
def test_an_entry_that_says_two_things_or_nothing_is_refused(entry: str) -> None:
    with pytest.raises(ValidationError, match=r"exactly one|belong to jwt"):
        Gate(**tomllib.loads(f"identity = [{entry}]"))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('{ header = "X_A" }', "no header name"),
        ('{ host = "app.example" }', "no host with an account"),
        ('{ host = "{account}.App.example" }', "in lower case"),
        ('{ path = "t/{account}" }', "no path with an account"),
        ('{ path = "/t/../{account}" }', "no path with an account"),
        ('{ cookie = "a b" }', "no cookie name"),
        ('{ jwt = "org", jwks = "http://id.example/keys" }', "https only"),
    ],
)
def test_a_source_that_could_never_work_is_refused(entry: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Gate(**tomllib.loads(f"identity = [{entry}]"))


@pytest.mark.parametrize("entry", ['{ cookie = "a" }', '{ jwt = "org" }'])
def test_what_is_signed_needs_a_secret(entry: str) -> None:
    (source,) = Gate(**tomllib.loads(f"identity = [{entry}]")).sources
    assert "gate.identity_secrets" in source.fault()
