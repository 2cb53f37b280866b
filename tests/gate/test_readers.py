"""Who asks, by host, path, signed cookie or token: named once and plainly, or nobody, or refused (cases 83 and 85)."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from gatekeeper.gate.fields import HeaderNames
from gatekeeper.gate.identity import AMBIGUOUS, MISSING, NOBODY
from gatekeeper.gate.readers import Asked, Identifier, cookie_signer
from gatekeeper.gate.sources import CookieSource, HeaderSource, HostSource, PathSource, Source, TokenSource
from tests.kit.gates import gate_process, one, publish, settings_in

SECRET, OLD = "s" * 40, "o" * 40
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NAMES = HeaderNames([b"X-Account-Id"])


def _identify(*sources: Source, headers: tuple[tuple[bytes, bytes], ...] = (), uri: bytes = b"/", host: bytes = b"x") -> bytes:
    return Identifier(sources, lambda: NOW).identify(NAMES.read(headers), Asked(b"GET", uri, host))


@pytest.mark.parametrize(
    ("host", "account"),
    [
        (b"acme.app.example", b"acme"),
        (b"ACME.App.Example", b"acme"),
        (b"acme.app.example:8443", b"acme"),
        (b"acme.app.example.", b"acme"),
        (b"acme.app.example.:80", b"acme"),
        (b"xn--bcher-kva.app.example", b"xn--bcher-kva"),
        (b"app.example", NOBODY),
        (b".app.example", NOBODY),
        (b"a.acme.app.example", NOBODY),
        (b"acmeapp.example", NOBODY),
        (b"acme.app.example.evil.example", NOBODY),
        (b"other.example", NOBODY),
        (b"", MISSING),
        (b"acme.app.example, late.app.example", AMBIGUOUS),
        (b"acme.app.example/x", AMBIGUOUS),
        (b"a_c.app.example", AMBIGUOUS),
        (b"acme.app.example\x00", AMBIGUOUS),
        ("bücher.app.example".encode(), AMBIGUOUS),
    ],
)
def test_a_host_names_the_account_in_its_first_label(host: bytes, account: bytes) -> None:
    assert _identify(HostSource("{account}.app.example"), host=host) == account


@pytest.mark.parametrize(
    ("uri", "account"),
    [
        (b"/t/acme", b"acme"),
        (b"/t/acme/x?y", b"acme"),
        (b"/t/", NOBODY),
        (b"/t", NOBODY),
        (b"/x/t/acme", NOBODY),
        (b"/T/acme", NOBODY),
        (b"/login", NOBODY),
        (b"", MISSING),
        (b"//t/acme", AMBIGUOUS),
        (b"/t//acme", AMBIGUOUS),
        (b"/t/%61cme", AMBIGUOUS),
        (b"/x/../t/acme", AMBIGUOUS),
        (b"/t/acme;x", AMBIGUOUS),
        (b"http://h/t/acme", AMBIGUOUS),
    ],
)
def test_a_path_names_the_account_behind_its_prefix_and_is_never_guessed_at(uri: bytes, account: bytes) -> None:
    assert _identify(PathSource("/t/{account}"), uri=uri) == account


def _cookies(*lines: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((b"Cookie", line) for line in lines)


def test_a_signed_cookie_names_the_account_and_a_forged_one_nobody() -> None:
    source = CookieSource("who", (SECRET, OLD))
    signed = cookie_signer([SECRET]).sign(b"acme")
    assert _identify(source, headers=_cookies(b"a=1; who=" + signed + b"; b=2")) == b"acme"
    assert _identify(source, headers=_cookies(b"who=" + cookie_signer([OLD]).sign(b"acme"))) == b"acme"
    assert _identify(source, headers=_cookies(b"a=1", b"who=" + signed)) == b"acme"
    for forged in (
        b"who=acme",
        b"who=late." + signed.partition(b".")[2],
        b"who=" + cookie_signer(["x" * 40]).sign(b"acme"),
        b"who=",
    ):
        assert _identify(source, headers=_cookies(forged)) == NOBODY
    assert _identify(source, headers=_cookies(b"whom=" + signed)) == _identify(source) == NOBODY


@pytest.mark.parametrize("between", [b"; ", b";", b" ;\t"])
def test_a_cookie_that_comes_twice_or_in_quotes_is_refused_for_products_read_it_differently(between: bytes) -> None:
    source = CookieSource("who", (SECRET,))
    good, late = (b"who=" + cookie_signer([SECRET]).sign(account) for account in (b"good", b"late"))
    assert _identify(source, headers=_cookies(good + between + late)) == AMBIGUOUS
    assert _identify(source, headers=_cookies(good, b"a=1" + between + good)) == AMBIGUOUS
    assert _identify(source, headers=_cookies(b'who="' + good[4:] + b'"')) == AMBIGUOUS


def _token(claims: dict[str, object], secret: str = SECRET, algorithm: str = "HS256") -> bytes:
    return jwt.encode({"alg": algorithm}, claims, OctKey.import_key(secret)).encode()


def _bearer(token: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"Authorization", b"Bearer " + token),)


def test_a_token_names_the_account_in_its_claim_from_a_cookie_or_a_header() -> None:
    claims: dict[str, object] = {
        "org": "acme",
        "exp": int(NOW.timestamp()) + 60,
        "iss": "https://id.example",
        "aud": ["app", "x"],
    }
    source = TokenSource(claim="org", secrets=(SECRET, OLD), issuer="https://id.example", audience="app")
    for token in (_token(claims), _token(claims, OLD)):
        assert _identify(source, headers=_bearer(token)) == b"acme"
        assert _identify(source, headers=((b"authorization", b"bearer  " + token),)) == b"acme"
        in_cookie = TokenSource(claim="org", cookie="session", secrets=(SECRET, OLD))
        assert _identify(in_cookie, headers=_cookies(b"session=" + token)) == b"acme"
        assert _identify(in_cookie, headers=_bearer(token)) == NOBODY
    assert _identify(source, headers=_bearer(_token(claims | {"org": 42}))) == b"42"


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"nbf": int(NOW.timestamp()) + 600},
        {"iss": "https://evil.example"},
        {"aud": "other"},
        {"iss": None},
        {"org": None},
        {"org": "a b"},
        {"org": ["acme"]},
        {"org": True},
        {"org": ""},
    ],
)
def test_a_token_that_does_not_hold_names_nobody_as_if_the_visitor_had_left_it_out(changed: dict[str, object]) -> None:
    claims: dict[str, object] = {"org": "acme", "exp": int(NOW.timestamp()) + 60, "iss": "https://id.example", "aud": "app"}
    claims = {name: value for name, value in (claims | changed).items() if value is not None}
    identifier = Identifier(
        [TokenSource(claim="org", secrets=(SECRET,), issuer="https://id.example", audience="app")], lambda: NOW
    )
    assert identifier.identify(NAMES.read(_bearer(_token(claims))), Asked(b"", b"")) == NOBODY
    assert identifier.tokens[0].tokens.refused == 1


@pytest.mark.parametrize("spoilt", [b"x", b"a.b", b"a.b.c=", b"a.b.c.d", b"a.b.c, a.b.c", b"a.b.\xc3\xa9", b"x" * 9000])
def test_what_is_no_token_as_every_library_writes_it_is_refused(spoilt: bytes) -> None:
    assert _identify(TokenSource(claim="org", secrets=(SECRET,)), headers=_bearer(spoilt)) == AMBIGUOUS


def test_a_token_signed_with_another_algorithm_or_none_names_nobody() -> None:
    key = RSAKey.generate_key(2048, {"kid": "a"})
    public = json.dumps(KeySet([key]).as_dict(private=False))
    identifier = Identifier([TokenSource(claim="org", keys="keys.json")], lambda: NOW)
    identifier.tokens[0].tokens.take_keys(public)

    def says(token: bytes) -> bytes:
        return identifier.identify(NAMES.read(_bearer(token)), Asked(b"", b""))

    unsigned = b"eyJhbGciOiJub25lIn0.eyJvcmciOiJhY21lIn0.x"
    signed = _token({"org": "acme"}).rpartition(b".")[0]
    tag = hmac.digest(key.as_pem(private=False), signed, "sha256")
    by_public_key = signed + b"." + base64.urlsafe_b64encode(tag).rstrip(b"=")
    assert says(unsigned) == says(by_public_key) == says(_token({"org": "acme"})) == NOBODY
    assert says(jwt.encode({"alg": "RS256", "kid": "a"}, {"org": "acme"}, key).encode()) == b"acme"


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES256", ECKey.generate_key("P-256", {"kid": "a"})),
        ("RS256", RSAKey.generate_key(2048, {"kid": "a"})),
        ("PS256", RSAKey.generate_key(2048, {"kid": "a"})),
    ],
)
def test_public_keys_verify_and_a_new_one_is_asked_for(algorithm: str, key: ECKey | RSAKey) -> None:
    identifier = Identifier([TokenSource(claim="org", keys="https://id.example/keys")], lambda: NOW)
    tokens = identifier.tokens[0].tokens
    token = jwt.encode({"alg": algorithm, "kid": "a"}, {"org": "acme"}, key, algorithms=[algorithm]).encode()
    fields, asked = NAMES.read(_bearer(token)), Asked(b"", b"")
    assert (identifier.identify(fields, asked), tokens.keys_wanted) == (NOBODY, True)
    tokens.take_keys(json.dumps(KeySet([key]).as_dict(private=False)))
    assert (identifier.identify(fields, asked), tokens.keys_wanted) == (b"acme", False)
    rotated = ECKey.generate_key("P-256", {"kid": "b"})
    other = jwt.encode({"alg": "ES256", "kid": "b"}, {"org": "acme"}, rotated).encode()
    assert (identifier.identify(NAMES.read(_bearer(other)), asked), tokens.keys_wanted) == (NOBODY, True)


def test_a_verified_token_is_remembered_until_it_expires_or_the_keys_change() -> None:
    now = [NOW]
    identifier = Identifier([TokenSource(claim="org", secrets=(SECRET,))], lambda: now[0])
    fields = NAMES.read(_bearer(_token({"org": "acme", "exp": int(NOW.timestamp()) + 60})))
    assert [identifier.identify(fields, Asked(b"", b"")) for _ in range(3)] == [b"acme"] * 3
    now[0] = NOW + timedelta(seconds=120)
    assert identifier.identify(fields, Asked(b"", b"")) == NOBODY


def test_sources_that_name_an_account_must_agree_and_a_header_that_is_missing_is_not_made_up_for_by_nobody() -> None:
    header, host = HeaderSource("X-Account-Id"), HostSource("{account}.app.example")
    acme = ((b"X-Account-Id", b"acme"),)
    assert _identify(header, host, headers=acme, host=b"acme.app.example") == b"acme"
    assert _identify(header, host, headers=acme, host=b"late.app.example") == AMBIGUOUS
    assert _identify(header, host, headers=acme, host=b"www.example") == b"acme"
    assert _identify(header, host, headers=((b"X-Account-Id", b"-"),), host=b"acme.app.example") == b"acme"
    assert _identify(header, host, host=b"acme.app.example") == b"acme"
    assert _identify(header, host, host=b"www.example") == MISSING


@given(st.text(max_size=60).map(str.encode), st.text(max_size=60).map(str.encode))
def test_whatever_is_named_is_one_account_id(uri: bytes, cookies: bytes) -> None:
    sources = (PathSource("/t/{account}"), CookieSource("who", (SECRET,)))
    account = _identify(*sources, uri=b"/t/" + uri, headers=_cookies(cookies))
    assert account in {NOBODY, MISSING, AMBIGUOUS} or (b" " not in account and b"," not in account and len(account) <= 128)


def test_a_gate_that_knows_accounts_by_host_and_token_judges_them_at_every_edge(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    key = ECKey.generate_key("P-256", {"kid": "a"})
    keys.write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    sources = (HostSource("{account}.app.example"), TokenSource(claim="org", cookie="session", keys=str(keys)))
    settings = settings_in(tmp_path, identity=sources)
    publish(settings.snapshot_path, 7, late="suspended")
    token = jwt.encode({"alg": "ES256", "kid": "a"}, {"org": "late"}, key)
    with gate_process(settings):
        for host, cookie, expected in (
            ("good.app.example", "", "good"),
            ("late.app.example", "", "late"),
            ("www.example", f"session={token}", "late"),
            ("good.app.example", f"session={token}", ""),
            ("www.example", "", ""),
        ):
            asked = {
                "Cookie": cookie,
                "X_Original_Host": host,
                "X_Forwarded_Host": host,
                "X_Original_URI": "/",
                "X_Forwarded_Uri": "/",
            }
            replies = [one(settings, edge, **asked) for edge in ("/gate/nginx", "/gate", "/gate/traefik", "/gate/caddy")]
            assert {reply.headers["x-gatekeeper-account"] for reply in replies} == {expected}
            late = {403, 402} if expected == "late" else {403} if cookie and not expected else {200}
            assert {reply.status for reply in replies} == late
