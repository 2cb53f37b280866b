"""A process of its own for the operator's own templates: it can hang, grow and die, and the worker does not notice (case 54).

It has no environment, no file of ours open, 64 MB of memory, and 2 s of work for an answer. A question and an answer are one
line of JSON each: plain values go in, text comes out.
"""

import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import date, time
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from jinja2 import TemplateError, TemplateSyntaxError
from markupsafe import Markup

from gatekeeper.model import Money
from gatekeeper.wording.languages import catalogues
from gatekeeper.wording.templates import Templates, shipped
from gatekeeper.wording.views import Asked, CameOf, Form, LetterView, LockoutView, Owed, Product, Promised, Told

_MEMORY: Final = 64 * 2**20
_LONGEST: Final = 2**20  # bytes of one answer; a letter has about 10,000
_SECONDS: Final = 2.0  # of work, until the kernel ends it
_PATIENCE: Final = 1.5  # of work, until it gives up by itself, and can still say in which line it was
_WAIT_SECONDS: Final = 10.0  # until it is killed without having worked: on a busy machine 2 s of work take longer
_START_SECONDS: Final = 60.0  # a busy machine may need long to start Python; nobody's template has a part in that
_PROGRAM: Final = "from gatekeeper.wording.child import serve; serve()"
_KINDS: Final[dict[str, Any]] = {
    kind.__name__: kind for kind in (Asked, CameOf, Form, LetterView, LockoutView, Money, Owed, Product, Promised, Told)
}

_TIMES: Final[dict[str, Any]] = {"date": date, "time": time}


class TemplateFault(Exception):
    """A template of the operator's own did not give a text. Says the file and, where it is known, the line; never a value."""


class ChildGone(TemplateFault):
    """The process had to be ended, or ended by itself: the next time it would cost as much again."""


class Child:
    """The near end. It is started when it is first asked, and anew after it has died; it ends with this object."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._one_at_a_time = threading.Lock()

    def render(self, names: Iterable[str], language: str, locale: str, values: Mapping[str, Any]) -> list[str]:
        """As `Templates.render`.

        Raises:
            TemplateFault: there is no text; ChildGone: and it took the process with it.
        """
        names = list(names)
        question = json.dumps([names, language, locale, values], default=_packed).encode() + b"\n"
        with self._one_at_a_time:
            if self._process is None:
                self._process = self._started()
            try:
                answer = json.loads(_asked(self._process, question))
            except (OSError, ValueError) as fault:
                _end(self._process)
                self._process = None
                raise ChildGone(f"{', '.join(names)}: it took more than {_SECONDS:.0f} s or {_MEMORY // 2**20} MB") from fault
        if "fault" in answer:
            raise TemplateFault(answer["fault"])
        return list(answer["texts"])

    def _started(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-P", "-c", _PROGRAM, str(self._folder.resolve())],
            env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONUTF8": "1", "LC_ALL": "C"},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        weakref.finalize(self, _end, process)
        with suppress(OSError):
            _line(process.stdout, _START_SECONDS)
        return process


def _asked(process: subprocess.Popen[bytes], question: bytes) -> bytes:
    assert process.stdin is not None
    process.stdin.write(question)
    process.stdin.flush()
    return _line(process.stdout, _WAIT_SECONDS)


def _line(pipe: IO[bytes] | None, seconds: float) -> bytes:
    """One line; OSError where it does not come, or is too long. It is written at once when all of it is known."""
    assert pipe is not None
    ready = select.poll()
    ready.register(pipe, select.POLLIN)
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(pipe.fileno(), _LONGEST) if ready.poll(seconds * 1000) else b""
        line += piece
        if not piece or len(line) > _LONGEST:
            raise OSError("no answer")
    return line


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            pipe.close()  # type: ignore[union-attr]  # both are pipes: _started
    process.wait()


def _packed(value: object) -> dict[str, Any]:
    if type(value) in _TIMES.values():
        return {"": type(value).__name__, "is": value.isoformat()}  # type: ignore[attr-defined]  # it is one of them
    if is_dataclass(value) and type(value).__name__ in _KINDS:
        return {"": type(value).__name__, **{field.name: getattr(value, field.name) for field in fields(value)}}
    raise TypeError(f"no template may see a {type(value).__name__}")


def _unpacked(found: dict[str, Any]) -> Any:
    kind = found.pop("", None)
    if kind is None:
        return found
    if kind in _TIMES:
        return _TIMES[kind].fromisoformat(found["is"])
    return _KINDS[kind](**{name: tuple(value) if isinstance(value, list) else value for name, value in found.items()})


# The far end


def serve() -> None:
    """Answer until nobody asks any more."""
    folder = Path(sys.argv[1])
    templates = Templates(catalogues([folder, shipped()]), folder)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))  # not RLIMIT_AS, which counts the libraries' files too
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _give_up)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(templates, line)) + "\n")
        sys.stdout.flush()


def _answer(templates: Templates, line: str) -> dict[str, Any]:
    try:
        names, language, locale, values = json.loads(line, object_hook=_unpacked)
        signal.setitimer(signal.ITIMER_PROF, _PATIENCE)
        signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)  # nobody handles SIGVTALRM: it ends even what Python cannot interrupt
        texts = templates.render(names, language, locale, {name: _safe(name, value) for name, value in values.items()})
    except Exception as fault:  # noqa: BLE001  # whatever a template does, the other end is told
        return {"fault": _where(fault)}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return {"texts": texts}


def _safe(name: str, value: Any) -> Any:
    return Markup(value) if name in {"style", "script"} else value  # noqa: S704  # files beside the templates


def _give_up(_signal: int, _frame: object) -> NoReturn:
    raise TimeoutError


def _where(fault: Exception) -> str:
    """The template, the line and the kind of fault; the message only where Jinja wrote it, because others quote values."""
    what = {TimeoutError: f"it took more than {_PATIENCE} s", MemoryError: f"it took more than {_MEMORY // 2**20} MB"}.get(
        type(fault), str(fault) if isinstance(fault, TemplateError) else type(fault).__name__
    )
    if isinstance(fault, TemplateSyntaxError):
        return f"{fault.name}, line {fault.lineno}: {fault.message}"
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if frame.filename.endswith(".j2")]
    return f"{_short(frames[-1].filename)}, line {frames[-1].lineno}: {what}" if frames else what


def _short(file: str) -> str:
    folder = next((folder for folder in (Path(sys.argv[1]), shipped()) if folder in Path(file).parents), None)
    return str(Path(file).relative_to(folder)) if folder else file
