"""What a feed sends, told apart as HTML section 9.2.6 says."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """`id`: the one in force after it, as a browser keeps it."""

    kind: str
    id: str
    data: Any


def events_in(lines: Iterable[str]) -> Iterator[Event]:
    kind = last_id = data = ""
    for line in lines:
        field, _, value = line.partition(": ")
        match field:
            case "event":
                kind = value
            case "id":
                last_id = value
            case "data":
                data += value
            case "":
                yield Event(kind, last_id, json.loads(data))
                kind = data = ""
            case _:
                raise ValueError(f"a line of no kind that the page names: {line}")
