"""Logging, set up once: every line, ours and the libraries', takes the same way and loses secrets and addresses on it.

Whoever logs needs no care: what looks like an e-mail address, a key, a token or a payment link is taken out of the finished
event just before it is written, tracebacks included. Tracebacks show no local variables.
"""

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

# These tell of every request or step at `info`, or set a level of their own; what is interesting of it is told by us
_TALKATIVE = ("alembic", "httpx", "httpcore", "sqlalchemy", "stripe", "uvicorn.access")
_SECRET_KEYS = re.compile(r"password|secret|token|api_?key|authorization|cookie|signature", re.IGNORECASE)
_HIDDEN = "***"

# Every repetition is bounded or runs over characters that cannot begin another match, so the time is linear in the text
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"(?<=://)[^\s/@]{1,256}@", f"{_HIDDEN}@"),  # user and password of a URL, before they look like an address
        (r"\b(sk|rk|pk|whsec)_[\w+/=-]{1,256}", rf"\1_{_HIDDEN}"),
        (r"\b(bearer|basic)\s+[\w.~+/=-]+", rf"\1 {_HIDDEN}"),
        (r"\b((?:invoice|pay|checkout|billing|files)\.stripe\.com)/[^\s\"'<>\\]+", rf"\1/{_HIDDEN}"),
        (r"(/pay/)[\w.~%-]+", rf"\1{_HIDDEN}"),
        (r"([?&](?:token|key|secret|signature|password)=)[^\s&\"'<>\\]+", rf"\1{_HIDDEN}"),
        (r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w.-]{1,253}", "(address)"),
    )
)


def set_up(level: str, format: str, stream: TextIO | None = None) -> None:  # noqa: A002 - the word of the settings
    """Log to standard error from now on, `level` and up: `json`, `console` (for people), or `auto`: for people on a terminal.

    A second call replaces the first. Servers that bring logging of their own must be told not to set it up.
    """
    stream = stream or sys.stderr
    for_people = format == "console" or (format == "auto" and stream.isatty())
    handler = _Handler(stream)
    handler.setFormatter(_formatter(for_people=for_people, colours=stream.isatty()))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            *_COMMON,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def redacted(value: Any, key: str = "") -> Any:
    """The value as it may be written: secrets hidden, whatever is no plain data turned into text first."""
    if _SECRET_KEYS.search(key):
        return _HIDDEN
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {redacted(str(name)): redacted(inner, str(name)) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redacted(inner, key) for inner in value]
        case bytes():
            return redacted(value.decode("utf-8", "replace"))
        case _:
            text = str(value)
            for pattern, replacement in _SECRETS:
                text = pattern.sub(replacement, text)
            return text


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {redacted(name): redacted(value, name) for name, value in event.items()}


_COMMON: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
)


def _formatter(*, for_people: bool, colours: bool) -> logging.Formatter:
    render: Callable[[WrappedLogger, str, MutableMapping[str, Any]], Any] = (
        structlog.dev.ConsoleRenderer(colors=colours, timestamp_key="at", pad_event_to=0)
        if for_people
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=list(_COMMON),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,  # as text, without the frames' variables that structured ones carry
            _redact,
            render,
        ],
    )


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name of the standard library
        """Of a line that cannot be written, say so. The standard handler would print its arguments, secrets and all."""
        try:
            self.stream.write(f'{{"level": "error", "event": "log.lost", "logger": "{record.name}"}}\n')
        except (OSError, ValueError):
            return  # nobody is listening any more
