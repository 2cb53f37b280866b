"""Settings: where they come from, and that every fault is reported at once, in words, with nothing secret in them."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gatekeeper.config import Fault, GateAlone, Settings, SettingsInvalid, _section, load, load_for_gate
from gatekeeper.config.faults import keys_of
from gatekeeper.config.sources import sections, variables
from gatekeeper.model import Mode

SMALLEST = """
[product]
name = "Acme Cloud"
url = "https://app.acme.example"
support_email = "support@acme.example"
[database]
url = "sqlite:////var/lib/gatekeeper/gatekeeper.db"
[state]
folder = "/var/lib/gatekeeper"
[clock]
source = "simulated"
file = "/var/lib/gatekeeper/clock"
[stripe]
api_key = "rk_test_canary"
account = "acct_1"
api_base = "http://127.0.0.1:12111"
webhook_secrets = ["whsec_canary"]
account_id_from = "metadata.account_id"
contacts_from = { accountant = "email", user = "metadata.user_email" }
reconcile_every_seconds = 600
[mail]
url = "smtp://127.0.0.1:2525"
from = "Acme Billing <billing@acme.example>"
[policy]
file = "config/policies/default.toml"
[safety]
mode = "armed"
[web]
listen = "127.0.0.1:8402"
public_url = "http://127.0.0.1:8402"
[gate]
listen = "127.0.0.1:8403"
socket = ""
identity = [{ header = "X-Account-Id" }]
always_allow = ["/login", "/logout"]
[api]
tokens = [{ name = "ops", token = "canary", scopes = ["read", "write"] }]
[console]
sign_in = "password"
"""
MUST = {
    "GATEKEEPER__PRODUCT__NAME": "Acme Cloud",
    "GATEKEEPER__PRODUCT__URL": "https://app.acme.example/",
    "GATEKEEPER__PRODUCT__SUPPORT_EMAIL": "support@acme.example",
    "GATEKEEPER__STRIPE__API_KEY": "rk_test_1",
    "GATEKEEPER__MAIL__FROM": "billing@acme.example",
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "gatekeeper.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def faults(path: Path | None, environ: dict[str, str] | None = None, *, read: Callable[..., Any] = load) -> list[Fault]:
    with pytest.raises(SettingsInvalid) as invalid:
        read(path, environ or {})
    assert "canary" not in str(invalid.value)
    assert "canary" not in repr(invalid.value.faults)
    return list(invalid.value.faults)


def changed(section: str, line: str) -> str:
    """The smallest configuration with this line in place of, or beside, the section's own."""
    key = line.partition("=")[0].strip()
    head, tail = SMALLEST.split(f"[{section}]\n") if f"[{section}]" in SMALLEST else (SMALLEST, "")
    body, bracket, rest = tail.partition("\n[")
    kept = "\n".join(old for old in body.splitlines() if old.partition("=")[0].strip() != key)
    return f"{head}[{section}]\n{line}\n{kept}\n{bracket}{rest}"


def test_the_smallest_configuration_works(write: Callable[[str], Path]) -> None:
    settings = load(write(SMALLEST), {})

    assert settings.product.time_zone == "UTC"
    assert settings.database.url.get_secret_value() == "sqlite:////var/lib/gatekeeper/gatekeeper.db"
    assert settings.stripe.api_key.get_secret_value() == "rk_test_canary"
    assert settings.stripe.contacts_from.user == "metadata.user_email"
    assert settings.mail.from_ == "Acme Billing <billing@acme.example>"
    assert settings.mail.domain == "acme.example"
    assert settings.safety.mode is Mode.ARMED
    assert settings.safety.suspensions_per_hour == 10
    assert [source.header for source in settings.gate.identity] == ["X-Account-Id"]
    assert settings.gate.always_allow == ("/login", "/logout")
    assert settings.gate.unknown_account == "allow"
    assert settings.api.tokens[0].scopes == ("read", "write")
    assert settings.web.address == ("127.0.0.1", 8402)
    assert settings.gate.address == ("127.0.0.1", 8403)


def test_the_environment_alone_is_enough() -> None:
    settings = load(None, MUST)

    assert settings.product.url == "https://app.acme.example"
    assert settings.safety.mode is Mode.DRY_RUN
    assert settings.mail.url.get_secret_value() == "file:var/mail"


def test_a_gate_alone_needs_an_address_to_write_to_and_nothing_else(write: Callable[[str], Path]) -> None:
    needed = {"GATEKEEPER__PRODUCT__SUPPORT_EMAIL": "support@acme.example"}

    settings = load_for_gate(None, needed)

    assert settings.product.support_email == "support@acme.example"
    assert settings.gate == load(None, MUST).gate
    path = write("")
    assert list(map(str, faults(path, read=load_for_gate))) == [
        f"{path}: product.support_email: is missing; must be: `name@domain`"
    ]
    assert list(map(str, faults(path, needed))) == [
        f"{path}: product.name: is missing; must be: text",
        f"{path}: product.url: is missing; must be: address with `http://` or `https://`",
        f"{path}: stripe.api_key: is missing; must be: key that starts with `rk_test_`, `rk_live_`, `sk_test_` or `sk_live_`",
        f"{path}: mail.from: is missing; must be: `Name <name@domain>`, or the address alone",
    ]


def test_a_gate_alone_is_told_nothing_of_stripe_the_ledger_and_letters(write: Callable[[str], Path]) -> None:
    settings = load_for_gate(write(SMALLEST), {})

    assert set(GateAlone.model_fields) == {"product", "state", "web", "gate", "log"}
    assert settings.model_dump() == load(write(SMALLEST), {}).model_dump(include=set(GateAlone.model_fields))


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ('[stripe]\napi_key = "canary"', "stripe.api_key", "must be: key that starts with `rk_test_`"),
        ('[stripe]\napi_key = ""', "stripe.api_key", "it is empty"),
        ('[stripe]\napi_base = "canary"', "stripe.api_base", "the scheme or the host is missing"),
        ('[stripe]\nwebhook_secrets = ["whsec_canary", "whsec_canary"]', "stripe.webhook_secrets", "2 times"),
        ('[stripe]\nkey = "canary"', "stripe.key", "is no setting; did you mean api_key?"),
        ('[mail]\nfrom = ""', "mail.from", "it is empty"),
        ('[mail]\nfrom_ = "a@acme.example"', "mail.from_", "is no setting; did you mean from?"),
        ('[mail]\nurl = "canary"', "mail.url", "must be: `smtp://"),
        ('[database]\nurl = "mysql://canary@db/x"', "database.url", "its scheme is unknown"),
        ('[hooks]\nurl = "https://acme.example"', "hooks.secrets", "is missing"),
        ("[stirpe]", "stirpe", "is no section; did you mean stripe?"),
    ],
)
def test_what_a_gate_alone_has_no_use_for_is_checked_where_it_is_set(
    write: Callable[[str], Path], text: str, key: str, what: str
) -> None:
    path = write(f'[product]\nsupport_email = "support@acme.example"\n{text}\n')

    (fault,) = faults(path, read=load_for_gate)

    assert fault.key == key
    assert what in fault.what


def test_the_file_is_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place, name in (("config/gatekeeper.toml", "Here"), ("named.toml", "Named"), ("given.toml", "Given")):
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        path.write_text(SMALLEST.replace("Acme Cloud", name))

    assert load(None, {}).product.name == "Here"
    assert load(None, {"GATEKEEPER_CONFIG": "named.toml"}).product.name == "Named"
    assert load(Path("given.toml"), {"GATEKEEPER_CONFIG": "named.toml"}).product.name == "Given"


def test_the_environment_goes_before_the_file(write: Callable[[str], Path]) -> None:
    environ = {
        "GATEKEEPER__PRODUCT__NAME": "007",
        "GATEKEEPER__STRIPE__RECONCILE_EVERY_SECONDS": "5",
        "GATEKEEPER__STRIPE__CONTACTS_FROM": '{ user = "metadata.owner" }',
        "GATEKEEPER__STRIPE__WEBHOOK_SECRETS": '["whsec_1", "whsec_2"]',
        "GATEKEEPER__GATE__IDENTITY": '[{"header": "X-Tenant"}]',
        "GATEKEEPER__GATE__ALWAYS_ALLOW": "/export",
        "GATEKEEPER__MAIL__ALLOWED_DOMAINS": "[]",
        "GATEKEEPER__CLOCK__FILE": "/run/clock",
        "GATEKEEPER_SERVICE_HOST": "10.0.0.1",
        "GATEKEEPER_PORT_8402_TCP": "tcp://10.0.0.1:8402",
    }

    settings = load(write(SMALLEST), environ)

    assert settings.product.name == "007"
    assert settings.stripe.reconcile_every_seconds == 5
    assert (settings.stripe.contacts_from.accountant, settings.stripe.contacts_from.user) == ("email", "metadata.owner")
    assert [secret.get_secret_value() for secret in settings.stripe.webhook_secrets] == ["whsec_1", "whsec_2"]
    assert settings.gate.identity[0].header == "X-Tenant"
    assert settings.gate.always_allow == ("/export",)
    assert settings.clock.file == "/run/clock"


def test_secrets_come_from_files_too(tmp_path: Path, write: Callable[[str], Path]) -> None:
    (tmp_path / "key").write_text("rk_test_from_file\n")
    (tmp_path / "hook").write_text("whsec_from_file\n")
    (tmp_path / "tokens").write_text('[{ name = "a", token = "b", scopes = ["read"] }]')
    environ = {
        "GATEKEEPER__STRIPE__API_KEY_FILE": str(tmp_path / "key"),
        "GATEKEEPER__STRIPE__WEBHOOK_SECRETS_FILE": str(tmp_path / "hook"),
        "GATEKEEPER__API__TOKENS_FILE": str(tmp_path / "tokens"),
    }

    settings = load(write(SMALLEST), environ)

    assert settings.stripe.api_key.get_secret_value() == "rk_test_from_file"
    assert [secret.get_secret_value() for secret in settings.stripe.webhook_secrets] == ["whsec_from_file"]
    assert settings.api.tokens[0].name == "a"


def test_only_secrets_can_come_from_files() -> None:
    from_files = {name for name in variables() if name.endswith("_FILE") and not name.endswith("__FILE")}
    from_files.remove("GATEKEEPER__MAIL__DKIM_KEY_FILE")  # the name of a key, not of a variable

    assert from_files == {
        "GATEKEEPER__DATABASE__URL_FILE",
        "GATEKEEPER__STRIPE__API_KEY_FILE",
        "GATEKEEPER__STRIPE__WEBHOOK_SECRETS_FILE",
        "GATEKEEPER__DIRECTORY__TOKEN_FILE",
        "GATEKEEPER__MAIL__URL_FILE",
        "GATEKEEPER__MAIL__BOUNCES_URL_FILE",
        "GATEKEEPER__MAIL__WEBHOOK_SECRETS_FILE",
        "GATEKEEPER__GATE__EDGE_SECRET_FILE",
        "GATEKEEPER__GATE__FEED_TOKEN_FILE",
        "GATEKEEPER__GATE__IDENTITY_SECRETS_FILE",
        "GATEKEEPER__API__TOKENS_FILE",
        "GATEKEEPER__HOOKS__SECRETS_FILE",
    }


def test_a_provider_signs_letters_itself(write: Callable[[str], Path]) -> None:
    signing = {"GATEKEEPER__MAIL__DKIM_SELECTOR": "gk1", "GATEKEEPER__MAIL__DKIM_KEY_FILE": "key.pem"}
    with pytest.raises(SettingsInvalid, match=r"mail\.dkim_selector: mail providers sign letters themselves"):
        load(write(SMALLEST), signing | {"GATEKEEPER__MAIL__URL": "postmark:canary"})
    assert load(write(SMALLEST), signing | {"GATEKEEPER__MAIL__URL": "smtp://mail.example"}).mail.dkim_selector == "gk1"


def test_nothing_shows_a_secret_and_nothing_changes(write: Callable[[str], Path]) -> None:
    settings = load(write(SMALLEST), {"GATEKEEPER__MAIL__URL": "smtp://a:canary@b", "GATEKEEPER__GATE__EDGE_SECRET": "canary"})

    assert "canary" not in repr(settings) + str(settings) + str(settings.model_dump()) + settings.model_dump_json()
    with pytest.raises(ValidationError):
        settings.safety.mode = Mode.ARMED  # type: ignore[misc]  # that it is refused is what is tried


def test_every_fault_is_reported_at_once(write: Callable[[str], Path]) -> None:
    text = """
        [product]
        nmae = "Acme"
        url = "app.acme.example"
        support_email = "support"
        time_zone = "Mars/Olympus"
        [stripe]
        api_key = "pk_live_canary"
        webhook_secrets = ["canary"]
        account_id_from = "description"
        reconcile_every_seconds = "canary"
        [clock]
        source = "simulated"
        [gate]
        listen = "0.0.0.0:8403"
        always_alow = ["/login"]
        identity = [{ header = "X Account" }]
        [sftety]
        mode = "armed"
    """
    path = write(text)
    environ = {"GATEKEEPER__LOG__LEVEL": "canary", "GATEKEEPER__MIAL__URL": "canary", "GATEKEEPER_STRIPE__ACCOUNT": "canary"}

    found = {(fault.where, fault.key): fault.what for fault in faults(path, environ)}

    file = str(path)
    assert found.pop((file, "sftety")) == "is no section; did you mean safety?"
    assert found.pop((file, "product.nmae")) == "is no setting; did you mean name?"
    assert found.pop((file, "product.name")) == "is missing; must be: text"
    assert "the scheme or the host is missing" in found.pop((file, "product.url"))
    assert "it has no @" in found.pop((file, "product.support_email"))
    assert "no such zone" in found.pop((file, "product.time_zone"))
    assert "must be: key that starts with `rk_test_`" in found.pop((file, "stripe.api_key"))
    assert "whsec_" in found.pop((file, "stripe.webhook_secrets[0]"))
    assert "`metadata.KEY`" in found.pop((file, "stripe.account_id_from"))
    assert found.pop((file, "stripe.reconcile_every_seconds")) == "must be: whole number, at least 1 (not a valid integer)"
    assert "is missing: a simulated clock" in found.pop((file, "clock.file"))
    assert "Set gate.edge_secret" in found.pop((file, "gate.edge_secret"))
    assert found.pop((file, "gate.always_alow")) == "is no setting; did you mean always_allow?"
    assert "no header name" in found.pop((file, "gate.identity[0]"))
    assert found.pop((file, "mail.from")) == "is missing; must be: `Name <name@domain>`, or the address alone"
    assert "`debug`" in found.pop(("environment variable GATEKEEPER__LOG__LEVEL", "log.level"))
    misspelt = found.pop(("environment variable GATEKEEPER__MIAL__URL", ""))
    assert misspelt == "names no setting; did you mean GATEKEEPER__MAIL__URL?"
    misspelt = found.pop(("environment variable GATEKEEPER_STRIPE__ACCOUNT", ""))
    assert misspelt == "names no setting; did you mean GATEKEEPER__STRIPE__ACCOUNT?"
    assert found == {}


@pytest.mark.parametrize(
    ("section", "line", "key", "what"),
    [
        ("product", 'name = " "', "product.name", "it is empty"),
        ("product", "name = 3", "product.name", "not a valid string"),
        ("product", 'url = "ftp://a.example"', "product.url", "scheme"),
        ("product", 'locale = "xx_YY"', "product.locale", "no such language"),
        ("product", 'time_zone = "../../etc/passwd"', "product.time_zone", "no such zone"),
        ("database", 'url = "mysql://canary@db/x"', "database.url", "its scheme is unknown"),
        ("database", 'url = "sqlite://"', "database.url", "names no file"),
        ("clock", 'source = "canary"', "clock.source", "`system` or `simulated`"),
        ("clock", 'file = ""', "clock.file", "is missing"),
        ("stripe", 'api_key = "rk_test_"', "stripe.api_key", "does not start with"),
        ("stripe", 'api_key = ""', "stripe.api_key", "it is empty"),
        ("stripe", 'api_key = "sk_live_canary"', "clock.source", "real customers would be locked out"),
        ("stripe", 'api_key = "sk_live_canary"', "stripe.api_base", "https only"),
        ("stripe", 'account = "cus_1"', "stripe.account", "acct_"),
        ("stripe", 'webhook_secrets = ["whsec_canary", "whsec_canary"]', "stripe.webhook_secrets", "2 times"),
        ("stripe", 'webhook_secrets = "whsec_canary"', "stripe.webhook_secrets", "list of secrets"),
        ("stripe", "reconcile_every_seconds = 0", "stripe.reconcile_every_seconds", "at least 1"),
        ("stripe", "reconcile_every_seconds = true", "stripe.reconcile_every_seconds", "not a valid integer"),
        ("stripe", 'contacts_from = { boss = "email" }', "stripe.contacts_from.boss", "is no setting"),
        ("stripe", 'attributes_from = { plan = "email" }', "stripe.attributes_from.plan", "no such field"),
        ("stripe", 'attributes_from = { seats = "metadata.seats" }', "stripe.attributes_from.seats", "is no setting"),
        ("stripe", 'contacts_from = { user = "phone" }', "stripe.contacts_from.user", "no such field"),
        ("stripe", 'account_id_from = ""', "stripe.account_id_from", "it is empty"),
        ("mail", 'url = "smtp://acme:canary@mail?tls=1"', "mail.url", "`starttls=required`"),
        ("mail", 'url = "postmark:canary key"', "mail.url", "its key is missing"),
        ("mail", 'url = "resend:canary?api=http://acme.example"', "mail.url", "http:// only on this machine"),
        ("mail", "per_minute = 0", "mail.per_minute", "at least 1"),
        ("mail", 'from = "Acme"', "mail.from", "it has no @"),
        ("mail", 'allowed_domains = ["acme"]', "mail.allowed_domains[0]", "incomplete"),
        ("mail", 'dkim_selector = "a b"', "mail.dkim_selector", "no part of a DNS name"),
        ("mail", 'dkim_selector = "gk1"', "mail.dkim_key_file", "is missing"),
        ("mail", 'dkim_key_file = "key.pem"', "mail.dkim_selector", "is missing"),
        ("safety", 'mode = "canary"', "safety.mode", "`dry_run` or `armed`"),
        ("safety", "suspensions_per_day = -1", "safety.suspensions_per_day", "greater than or equal to 0"),
        ("web", 'listen = "8402"', "web.listen", "no host"),
        ("web", 'listen = "::1:8402"', "web.listen", "brackets"),
        ("web", 'listen = "127.0.0.1:99999"', "web.listen", "from 0 to 65535"),
        ("gate", 'listen = "127.0.0.1:8402"', "gate.listen", "is the address of web.listen too"),
        ("gate", 'listen = "gate.acme.example:8403"', "gate.edge_secret", "Set gate.edge_secret"),
        ("gate", "identity = []", "gate.identity", "at least one"),
        ("gate", 'always_allow = ["login"]', "gate.always_allow[0]", "cannot stay open"),
        ("gate", 'edge_secret = "cañary"', "gate.edge_secret", "printable ASCII"),
        ("api", 'tokens = [{ name = "a", token = "canary" }]', "api.tokens[0].scopes", "is missing"),
        ("hooks", 'url = "app.acme.example/hooks"', "hooks.url", "scheme or the host"),
        ("hooks", 'url = "http://app.acme.example/a hook"', "hooks.url", "may not"),
        ("hooks", 'url = "https://me:canary@app.acme.example"', "hooks.url", "by their signature"),
        ("hooks", 'url = "https://app.acme.example/hooks"', "hooks.secrets", "openssl rand"),
        ("hooks", 'secrets = ["canary"]', "hooks.secrets[0]", "Base64 of 24 to 64 bytes"),
        ("hooks", 'secrets = ["whsec_Y2FuYXJ5"]', "hooks.secrets[0]", "Base64 of 24 to 64 bytes"),
        ("hooks", f'secrets = ["whsec_{"YWFh" * 8}", "whsec_{"YWFh" * 8}"]', "hooks.secrets", "2 times"),
        (
            "api",
            'tokens = [{ name = "a", token = "canary", scopes = ["canary"] }]',
            "api.tokens[0].scopes[0]",
            "'read' or 'write'",
        ),
        ("api", 'tokens = [{name="a",token="x",scopes=[]},{name="a",token="canary",scopes=[]}]', "api.tokens", "2 times"),
        ("api", 'tokens = [{name="a",token="canary",scopes=[]},{name="b",token="canary",scopes=[]}]', "api.tokens", "2 times"),
        ("directory", 'url = "ftp://canary/{account}"', "directory.url", "with `http://` or `https://`, with `{account}`"),
        ("directory", 'url = "https://{account}.canary.example/"', "directory.url", "into the path or the query"),
        ("directory", 'url = "https://canary.example/#{account}"', "directory.url", "`#` nowhere"),
        ("directory", "timeout_seconds = 0", "directory.timeout_seconds", "at least 1"),
        ("console", 'sign_in = "canary"', "console.sign_in", "`oidc`"),
        ("log", 'format = "canary"', "log.format", "`auto`"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    write: Callable[[str], Path], section: str, line: str, key: str, what: str
) -> None:
    path = write(changed(section, line))

    found = {fault.key: fault for fault in faults(path)}

    assert what in found[key].what
    assert found[key].where == str(path)
    assert faults(path, read=load_for_gate) == list(found.values())


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("gate", 'listen = "[::1]:8403"'),
        ("gate", 'listen = "localhost:8403"'),
        ("gate", 'listen = "0.0.0.0:8403"\nedge_secret = "s3cret"'),
        ("gate", 'listen = "127.0.0.1:0"'),
        ("database", 'url = "postgresql+psycopg://acme@db/ledger"'),
        ("database", 'url = "postgresql:///ledger"'),
        ("product", 'locale = "pt-BR"'),
        ("product", 'locale = "pt_BR"'),
        ("stripe", 'account_id_from = "customer.metadata.account_id"'),
        ("safety", "suspensions_per_hour = 0"),
        ("mail", 'url = "smtps://acme:s3cret@mail.acme.example"'),
        ("mail", 'url = "ses:AKIA1:s3/cr+et@eu-central-1"'),
    ],
)
def test_what_is_allowed_is_taken(write: Callable[[str], Path], section: str, line: str) -> None:
    assert isinstance(load(write(changed(section, line)), {}), Settings)


@pytest.mark.parametrize(
    ("environ", "where", "what"),
    [
        ({"GATEKEEPER__STRIPE__API_KEY_FILE": "/no/such/file"}, "API_KEY_FILE", "cannot be read: No such file"),
        ({"GATEKEEPER__GATE__IDENTITY": "[canary"}, "IDENTITY", "is no TOML or JSON value; must be: list of"),
        ({"GATEKEEPER__STRIPE__RECONCILE_EVERY_SECONDS": "canary"}, "SECONDS", "is no TOML or JSON value; must be: whole"),
        ({"GATEKEEPER__STRIPE__RECONCILE_EVERY_SECONDS": "1.5"}, "SECONDS", "must be: whole number"),
        ({"GATEKEEPER__STRIPE__RECONCILE_EVERY_SECONDS": "1\ncanary=2"}, "SECONDS", "is no TOML or JSON value"),
        ({"GATEKEEPER__PRODUCT__NAME__FIRST": "canary"}, "FIRST", "names no setting"),
        ({"GATEKEEPER__X": "canary"}, "X", "it must be GATEKEEPER__SECTION__KEY"),
        ({"GATEKEEPER__PRODUCT__NAME_FILE": "canary"}, "NAME_FILE", "did you mean GATEKEEPER__PRODUCT__NAME?"),
        ({"GATEKEEPER__STRIPE__API_KEY_FILE": "/dev/null"}, "API_KEY_FILE", "it is empty"),
    ],
)
def test_a_wrong_variable_is_named(write: Callable[[str], Path], environ: dict[str, str], where: str, what: str) -> None:
    (fault,) = faults(write(SMALLEST), environ)

    assert fault.where.startswith("environment variable GATEKEEPER__")
    assert fault.where.endswith(where)
    assert what in fault.what


def test_two_free_ports_are_two_ports() -> None:
    free = {"GATEKEEPER__WEB__LISTEN": "127.0.0.1:0", "GATEKEEPER__GATE__LISTEN": "127.0.0.1:0"}

    assert load(None, MUST | free).gate.address == ("127.0.0.1", 0)


def test_a_wrong_value_is_not_reported_as_missing_too(write: Callable[[str], Path]) -> None:
    (fault,) = faults(write(changed("clock", "file = 3")))

    assert fault.what == "must be: path (not a valid string)"


def test_a_secret_is_named_once() -> None:
    environ = {**MUST, "GATEKEEPER__STRIPE__API_KEY_FILE": "/dev/null"}

    (fault,) = faults(None, environ)

    assert str(fault) == (
        "environment variable GATEKEEPER__STRIPE__API_KEY_FILE: stripe.api_key: "
        "is also set by environment variable GATEKEEPER__STRIPE__API_KEY"
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[product]\nname = Acme", r"is not TOML: .*line 2"),
        ("[product]\nname = 'a'\nname = 'b'\nurl = 'c'", r"is not TOML: .*line 3"),
        ("name = 'a'", "is no section"),
        ("product = 'a'", r"is a section: write \[product\]"),
        ("[[product]]\nname = 'a'", r"is a section: write \[product\]"),
    ],
)
def test_a_broken_file_is_named_with_its_line(write: Callable[[str], Path], text: str, what: str) -> None:
    path = write(text)

    first, *others = faults(path)

    assert first.where == str(path)
    assert re.search(what, first.what)
    assert bool(others) is ("TOML" not in what)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path / "missing.toml", {})

    assert fault == Fault(where=str(tmp_path / "missing.toml"), key="", what="cannot be read: No such file or directory")


def test_without_any_file_the_places_that_were_looked_at_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    first, *_ = faults(None)

    assert first.where == "no settings file (looked for config/gatekeeper.toml and /etc/gatekeeper/gatekeeper.toml)"
    assert first.key == "product.name"


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gatekeeper.toml"
    path.write_bytes(b"[product]\nname = '\xff'")

    assert "is not TOML" in faults(path)[0].what


def test_the_message_has_a_line_for_each_fault(write: Callable[[str], Path]) -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        load(write(""), {})

    lines = str(invalid.value).splitlines()
    assert len(lines) == 1 + len(invalid.value.faults) == 6


VALUES: Any = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    environ=st.dictionaries(
        st.sampled_from(sorted(variables())), st.text(st.characters(exclude_characters="\x00"), max_size=30)
    )
)
def test_whatever_the_environment_says_the_answer_is_settings_or_faults(environ: dict[str, str]) -> None:
    with contextlib.suppress(SettingsInvalid):
        assert isinstance(load(None, environ), Settings)


@given(value=VALUES)
def test_whatever_a_file_says_of_a_key_the_answer_is_a_value_or_words(value: Any) -> None:
    for name, model in sections().items():
        for key in keys_of(model):
            section, wrong = _section(name, model, {key: value})

            assert section is not None or wrong
            assert all(what for said in wrong.values() for _, what in said)
            assert set(wrong) <= set(keys_of(model))
