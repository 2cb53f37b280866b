"""nginx, asked by the second of the ways of its configuration: a proxy in front says who is asking."""

import contextlib
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from tests.kit.edges import CONFIGS, Count, Edge, Places, listing, with_list
from tests.kit.nginx import moved, nginx

SHIPPED = (CONFIGS / "nginx.conf").read_text()


def alternative(number: int) -> str:
    """The shipped configuration with the first way to tell who is asking taken out, and the way `number` put in."""
    first = SHIPPED.index("    map $host $gatekeeper_account")
    end = SHIPPED.index("    # 2. ", first)
    block = SHIPPED[SHIPPED.index(f"    # {number}. ") :]
    block, _, _ = block.partition("\n\n")
    _, _, code = block.partition("\n    #\n")
    return SHIPPED[:first] + re.sub(r"^    # ", "    ", code, flags=re.MULTILINE) + "\n" + SHIPPED[end:]


@contextlib.contextmanager
def _front(folder: Path, places: Places, *, with_its_list: bool = False) -> Iterator[Count]:
    config = alternative(2).replace("192.0.2.10", "127.0.0.1")
    if with_its_list:
        config = with_list(config, folder.parent)
    ports = {
        "80": f"127.0.0.1:{places.front}",
        "127.0.0.1:8000": f"127.0.0.1:{places.product}",
        "127.0.0.1:8402": f"127.0.0.1:{places.web}",
        "127.0.0.1:8403": f"127.0.0.1:{places.gate}",
    }
    with nginx(moved(config, ports), folder, ports=[places.front]) as running:
        yield lambda: running.log().count('decision="fail-open"')


EDGE = Edge(
    "nginx",
    _front,
    differs={
        # To nginx every 2xx is a yes; the gate gives no other than 200
        "the gate answers 204": 200,
        # It has our own neutral refusal for what it cannot pass on
        "the gate answers 302": 403,
        "the gate answers 402": 403,
        "the gate answers 404": 403,
        "the gate answers 429": 403,
        # nginx 1.22 takes the first of several values, for the gate and for the product. 1.23 and later join them: 403
        "doubled, the suspended last": 200,
        "doubled, the suspended first": 402,
        "doubled, in another case": 402,
        "nobody, and somebody": 200,
        # nginx does not pass on a header that is empty
        "empty": 403,
        "only space": 403,
    },
    tells={"doubled, the suspended last": ["good"]},
)

LISTING = listing(EDGE, functools.partial(_front, with_its_list=True))
