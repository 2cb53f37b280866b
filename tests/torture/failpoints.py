"""Named places at which a worker can die, or be overtaken by another, without a line of the product knowing of them.

Each transaction that writes has two: before its commit and after it, named by the writer's method. The others stand around
what is asked of the billing system, the delivery of a letter, and the writing of the files for the gates; one is where an
account's facts were read, and nothing was decided yet.
"""

import ast
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event

import gatekeeper.ledger as ledger_package

_LEDGER: Final = Path(ledger_package.__file__).parent
BEFORE, AFTER = "before commit", "after commit"
OUTSIDE: Final = (
    "question: before it is asked",
    "question: after its answer",
    "letter: before its delivery",
    "letter: after its delivery",
    "snapshot: before its rename",
    "snapshot: after its rename",
    "facts: after they were read",
    "snapshot: before its changes are on the disk",
    "snapshot: after its changes are on the disk",
)


class Crash(BaseException):
    """The process dies here. No `except Exception` of the product may see it."""


class Points:
    """`armed`: the point at which the next worker that comes by dies; `reached`, `died`: how often which was, in all runs.

    `passing`: called at each point at which the worker holds no transaction and no lock, and may wait for others.
    """

    def __init__(self) -> None:
        self.armed = ""
        self.reached: Counter[str] = Counter()
        self.died: Counter[str] = Counter()
        self.passing: Callable[[], None] = lambda: None

    def reach(self, name: str) -> None:
        self.reached[name] += 1
        if self.armed == name:
            self.armed = ""
            self.died[name] += 1
            raise Crash(name)
        if not name.endswith(BEFORE) and not name.startswith("snapshot"):
            self.passing()


def watch(engine: Engine, points: Points, committed: Callable[[str], None]) -> Callable[[], None]:
    """Put the two points of each writing transaction of this engine; `committed` is called between commit and the second.

    What is returned ends its connections, as the end of a process does, and takes the points away.
    """
    dialect: Any = engine.dialect
    commit = dialect.do_commit
    opened: list[Any] = []
    engine.dispose()  # connections from before would not be remembered

    def remember(raw: Any, _: object) -> None:
        opened.append(raw)

    def do_commit(raw: Any) -> None:
        writer = _writer()
        if writer:
            points.reach(f"{writer}: {BEFORE}")
        commit(raw)
        if writer:
            committed(writer)
            points.reach(f"{writer}: {AFTER}")

    def end() -> None:
        engine.dispose()
        for raw in opened:
            raw.close()
        event.remove(engine, "connect", remember)
        dialect.do_commit = commit

    event.listen(engine, "connect", remember)
    dialect.do_commit = do_commit
    return end


def _writer() -> str:
    """The method of the ledger that opened the transaction which is being committed; empty: it is not the product's."""
    frame, found = sys._getframe(2), ""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_LEDGER) and path.name != "engine.py":
            found = frame.f_code.co_qualname
        elif found and path.name != "contextlib.py":
            break
        frame = frame.f_back  # type: ignore[assignment]  # None at the bottom
    return found


@contextmanager
def snapshots(points: Points, published: Callable[[Path], None]) -> Iterator[None]:
    """The points around the writing of snapshots and changes, on a disk that writes at once; `published` is shown each file."""
    rename, sync, sync_data = os.replace, os.fsync, os.fdatasync

    def replace(source: Any, target: Any, **more: Any) -> None:
        points.reach(OUTSIDE[4])
        rename(source, target, **more)
        published(Path(target))
        points.reach(OUTSIDE[5])

    def append(file: int) -> None:
        points.reach(OUTSIDE[7])
        published(Path(f"/proc/self/fd/{file}").readlink())
        points.reach(OUTSIDE[8])

    os.replace, os.fsync, os.fdatasync = replace, lambda _: None, append
    try:
        yield
    finally:
        os.replace, os.fsync, os.fdatasync = rename, sync, sync_data


def every_point() -> list[str]:
    """All of them, as the source of the ledger has them."""
    return [f"{method}: {when}" for method in writing_methods() for when in (BEFORE, AFTER)] + list(OUTSIDE)


def writing_methods() -> list[str]:
    """Every public method of the ledger that opens a transaction that writes, or has another open one for it."""
    found: list[str] = []
    for path in sorted(_LEDGER.rglob("*.py")):
        if path.parent.name in {"versions", "migrations"} or path.name in {"engine.py", "migrate.py"}:
            continue
        for one in ast.walk(ast.parse(path.read_text())):
            if isinstance(one, ast.ClassDef):
                found += [f"{one.name}.{method}" for method in _writing(one)]
    return found


def _writing(one: ast.ClassDef) -> list[str]:
    """`with self._engine.begin()`, `self._line.run()`, or a call of a method that does so."""
    methods = {each.name: ast.unparse(each) for each in one.body if isinstance(each, ast.FunctionDef)}
    opening = {name for name, text in methods.items() if any(f"self.{opens}(" in text for opens in _OPENS)}
    for _ in methods:
        opening |= {name for name, text in methods.items() if any(f"self.{other}(" in text for other in opening)}
    return sorted(name for name in opening if not name.startswith("_"))


_OPENS: Final = ("_engine.begin", "_writing.begin", "_line.run")


class Weave:
    """Runs several works one at a time, and changes from one to the other at points: as the path says, and always alike."""

    def __init__(self, points: Points, works: list[Callable[[], None]]) -> None:
        self._points = points
        self._strands = [_Strand(work) for work in works]
        self._next = 0
        points.passing = self._pass

    def go_on(self, which: int, steps: int) -> None:
        """Let this work pass so many points."""
        strand = self._strands[which % len(self._strands)]
        self._next = (which + 1) % len(self._strands)
        if not strand.is_over:
            strand.left = steps
            strand.resume()

    def finish(self) -> list[BaseException | None]:
        """Let each work come to its end, beginning with the one whose turn it is; what each ended with, if it was a fault."""
        for strand in self._strands[self._next :] + self._strands[: self._next]:
            while not strand.is_over:
                strand.left = sys.maxsize
                strand.resume()
            strand.thread.join()
        self._points.passing = lambda: None
        return [strand.fault for strand in self._strands]

    def _pass(self) -> None:
        for strand in self._strands:
            if strand.thread is threading.current_thread():
                strand.pass_by()


class _Strand:
    def __init__(self, work: Callable[[], None]) -> None:
        self.left, self.is_over = 0, False
        self.fault: BaseException | None = None
        self._work = work
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def resume(self) -> None:
        self._go.release()
        self._stopped.acquire()

    def pass_by(self) -> None:
        self.left -= 1
        if self.left <= 0:
            self._stopped.release()
            self._go.acquire()

    def _run(self) -> None:
        self._go.acquire()
        try:
            self._work()
        except BaseException as fault:  # noqa: BLE001 - a death too is for whoever waits to see
            self.fault = fault
        self.is_over = True
        self._stopped.release()
