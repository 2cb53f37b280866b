"""Numbers as Prometheus reads them (its text format, version 0.0.4)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Series:
    """One value for each value of the label, or, without a label, one value under the empty text. `_total` names a counter."""

    name: str
    text: str
    values: Mapping[Any, float]
    label: str = ""

    def lines(self) -> Iterator[str]:
        yield f"# HELP gatekeeper_{self.name} {self.text}"
        yield f"# TYPE gatekeeper_{self.name} {'counter' if self.name.endswith('_total') else 'gauge'}"
        for value, number in self.values.items():
            shown = f'{{{self.label}="{value}"}}' if self.label else ""
            yield f"gatekeeper_{self.name}{shown} {number:.15g}"


def exposed(series: Iterable[Series]) -> str:
    return "".join(f"{line}\n" for one in series for line in one.lines())
