"""Draws docs/gallery/*.png and writes docs/gallery.md: `python docs/make_gallery.py`. Needs Chromium.

Languages without a catalogue are left out.
"""

import struct
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).parents[1]))

from gatekeeper.model import Role
from gatekeeper.wording import Wording
from tests.kit.browser import chromium
from tests.wording.samples import ADDRESSES, LETTERS, LOCKOUT, PRODUCT

FOLDER = Path(__file__).with_name("gallery")
TEXT = Path(__file__).with_name("gallery.md")
HEAD = """\
# What people see

Made by `python docs/make_gallery.py` from the templates and the samples of the tests. What each letter says, and how to change
it: [letters.md](letters.md).
"""
_A_ROW = 3  # pictures side by side
_MOST_COLOURS = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture: a letter of tests/wording/samples.py, or the lockout page, as somebody in this `role` sees it."""

    name: str
    title: str
    letter: str | None
    locale: str = "en-GB"
    width: int = 640
    dark: bool = False
    colour: str = ""
    role: Role = Role.PAYER


SHOTS = (
    Shot(name="courtesy", title="Before the due date, to the accountant", letter="courtesy"),
    Shot(name="reminder", title="Reminder to the accountant", letter="reminder"),
    Shot(name="reminder-user", title="Reminder to the user, on a phone", letter="reminder-to-user", width=360),
    Shot(name="warning", title="Warning to the accountant", letter="warning", colour="#0f766e"),
    Shot(name="warning-user-dark", title="Warning to the user, at night", letter="warning-to-user", width=360, dark=True),
    Shot(name="suspend", title="Word that access is suspended", letter="suspend"),
    Shot(name="restored", title="Word that access is back", letter="restored", width=360),
    Shot(name="promised", title="A promise to pay, confirmed", letter="promised-in-part", colour="#ffd400"),
    Shot(name="unreachable", title="Word that the accountant cannot be reached", letter="unreachable-accountant"),
    Shot(name="warning-es", title="Warning, in Spanish", letter="warning", locale="es-MX"),
    Shot(name="warning-ar", title="Warning, in Arabic, on a phone", letter="warning", locale="ar-EG", width=360),
    Shot(name="lockout", title="The page of a suspended account, for whoever pays", letter=None),
    Shot(name="lockout-member", title="The same page for a colleague", letter=None, width=360, role=Role.MEMBER),
    Shot(
        name="lockout-fa", title="The page in Persian, at night, on a phone", letter=None, locale="fa-IR", width=360, dark=True
    ),
)


def html(wording: Wording, shot: Shot) -> str:
    if shot.letter is None:
        able = {"token": "-", "payers": ADDRESSES[:1], "promise_until": date(2026, 12, 26), "role": shot.role}
        return wording.page("overdue", replace(LOCKOUT, **able), shot.locale)
    step, view = LETTERS[shot.letter]
    return wording.letter(step, replace(view, locale=shot.locale, product=replace(PRODUCT, colour=shot.colour))).html


def draw(page: Page, wording: Wording, shot: Shot) -> bytes:
    page.set_viewport_size({"width": shot.width, "height": 400})
    page.emulate_media(color_scheme="dark" if shot.dark else "light")
    page.set_content(html(wording, shot))
    return small(page.screenshot(full_page=True))


def small(png: bytes) -> bytes:
    """The picture with a palette: a third of the size. https://www.w3.org/TR/png-3/, 11.2 (chunks) and 9 (filters)."""
    chunks = dict(_chunks(png))
    width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, kind) == (8, 2), "Chromium draws eight bits each of red, green and blue"
    lines = _lines(zlib.decompress(chunks[b"IDAT"]), width * 3, height)
    pixels = [list(zip(line[::3], line[1::3], line[2::3], strict=True)) for line in lines]
    counted = Counter(pixel for line in pixels for pixel in line)
    palette = [colour for colour, _ in counted.most_common(_MOST_COLOURS)]
    place = {colour: palette.index(min(palette, key=lambda one: _distance(one, colour))) for colour in counted}
    data = b"".join(b"\0" + bytes(place[pixel] for pixel in line) for line in pixels)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"".join(map(bytes, palette))),
            _chunk(b"IDAT", zlib.compress(data, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return sum((mine - theirs) ** 2 for mine, theirs in zip(one, other, strict=True))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk by its name; the data of several IDAT as one."""
    at, image = 8, b""
    while at < len(png):
        (length,), name = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        body = png[at + 8 : at + 8 + length]
        at += length + 12
        if name == b"IDAT":
            image += body
        else:
            yield name, body
    yield b"IDAT", image


def _lines(data: bytes, length: int, height: int) -> Iterator[bytes]:
    """The lines of a picture with three bytes a pixel, their filters undone."""
    before = bytearray(length)
    for row in range(height):
        start = row * (length + 1)
        line = bytearray(data[start + 1 : start + 1 + length])
        _unfilter(data[start], line, before)
        yield bytes(line)
        before = line


def _unfilter(kind: int, line: bytearray, before: bytearray) -> None:
    for at in range(len(line)):
        left = line[at - 3] if at > 2 else 0  # noqa: PLR2004  # the pixel before has three bytes
        above, corner = before[at], before[at - 3] if at > 2 else 0  # noqa: PLR2004  # as before
        line[at] = (line[at] + (0, left, above, (left + above) // 2, _paeth(left, above, corner))[kind]) % 256


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def page_of(shots: list[Shot]) -> str:
    return "\n".join([HEAD, *(_row(shots[first : first + _A_ROW]) for first in range(0, len(shots), _A_ROW))])


def _row(shots: list[Shot]) -> str:
    lines = (
        [shot.title for shot in shots],
        ["---" for _ in shots],
        [f"![{shot.title}](gallery/{shot.name}.png)" for shot in shots],
    )
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def main() -> None:
    wording = Wording(PRODUCT)
    shots = [shot for shot in SHOTS if wording.choose_locale(None, shot.locale) == shot.locale.replace("-", "_")]
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with chromium() as browser:
        page = browser.new_page()
        for shot in shots:
            FOLDER.joinpath(f"{shot.name}.png").write_bytes(draw(page, wording, shot))
    TEXT.write_text(page_of(shots))


if __name__ == "__main__":
    main()
