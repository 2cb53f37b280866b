"""Which addresses stay open (cases 84 and 85). What two servers may read differently opens nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.gate.paths import OpenPaths
from gatekeeper.model import is_path, plain_path

_OPEN = OpenPaths(["/login", "/account/pay", "/public/"])


@pytest.mark.parametrize(
    "uri",
    [
        b"/login",
        b"/login/",
        b"/login/x",
        b"/login/x/y.z",
        b"/login?next=/admin",
        b"/login?",
        b"/login/x?a=%2e%2e/#",
        b"/account/pay",
        b"/account/pay/inv_1~a-b_c",
        b"/public",
        b"/public/a",
        b"/login/...",
        b"/login/.well-known",
    ],
)
def test_an_entry_and_all_below_it_is_open(uri: bytes) -> None:
    assert _OPEN.cover(uri)


_TRICKS = [
    b"",
    b"/",
    b"*",
    b"login",
    b"/loginx",
    b"/login.x",
    b"/LOGIN",
    b"/Login",
    b"/x/login",
    b"/account",
    b"/account/payx",
    b"//login",
    b"/login//x",
    b"/login//",
    b"/./login",
    b"/login/.",
    b"/login/./x",
    b"/login/..",
    b"/login/../admin",
    b"/a/../login",
    b"/login/%2e%2e/admin",
    b"/login%2f..%2fadmin",
    b"/login/%2E",
    b"/login/%5c..",
    b"/%6cogin",
    b"/login%00",
    b"/login/%",
    b"/login/%zz",
    b"/login/%252e%252e/admin",
    b"/login/%c0%ae%c0%ae/admin",
    b"/login\\..\\admin",
    b"\\login",
    b"/login/\\x",
    b"/login;x",
    b"/login/;/admin",
    b"/login;/../admin",
    b"/login#",
    b"/login#/admin",
    b"/admin#/login",
    b"/admin?/login",
    b"/admin?x=/login",
    b"?/login",
    b"/login\x00",
    b"/login/\x00x",
    b"/login\x01",
    b"/login\t",
    b"/login ",
    b" /login",
    b"/login\r\n",
    b"/login\n/admin",
    b"/login/\xc3\xa9",
    b"/login/\xff",
    b"http://h/login",
    b"http:///login",
    b"//h/login",
    b"h:443",
    b"/login, /login",
    b"/login,/login /admin",
    b"/admin, /login",
    b"/login/" + b"x" * 4096,
    b"/login?" + b"x" * 65536,
    b"/login/|",
    b"/login/<x>",
    b'/login/"x"',
    b"/login/[x]",
    b"/login/{x}",
    b"/login/^",
    b"/login/`",
]


@pytest.mark.parametrize("uri", _TRICKS)
def test_a_trick_opens_nothing(uri: bytes) -> None:
    assert not _OPEN.cover(uri)


@pytest.mark.parametrize(
    "path", ["", "/", "login", "//login", "/a/../b", "/a?b", "/a%20b", "/café", "/a;b", "http://h/login", "/a//", "\ud800"]
)
def test_an_entry_that_could_match_nothing_or_everything_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="cannot stay open"):
        OpenPaths([path])


def test_an_empty_list_opens_nothing() -> None:
    assert not any(OpenPaths([]).cover(uri) for uri in (b"", b"/", b"/login"))


@given(st.binary(max_size=60) | st.text("/.%25eEfF;\\#?login\x00", max_size=40).map(str.encode))
def test_whatever_is_open_is_literally_below_an_entry_for_every_reader(tail: bytes) -> None:
    for uri in (tail, b"/login" + tail, b"/" + tail + b"/login"):
        if _OPEN.cover(uri):
            path = plain_path(uri)
            assert path is not None
            assert path == uri.split(b"?")[0]
            assert path.split(b"/")[1] in {b"login", b"account", b"public"}
            assert not {b".", b".."} & set(path.split(b"/"))
            assert b"//" not in path


@given(st.text("/ab.%;?#é", max_size=12))
def test_the_words_for_what_can_stay_open_are_what_the_gate_opens(path: str) -> None:
    if is_path(path):
        assert OpenPaths([path]).cover(path.encode())
        assert OpenPaths([path]).cover(path.encode().removesuffix(b"/") + b"/below")
        assert not OpenPaths([path]).cover(b"/")
    else:
        with pytest.raises(ValueError, match="cannot stay open"):
            OpenPaths([path])
