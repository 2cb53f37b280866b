"""Where every template runs: Jinja's sandbox, with a list of what may be seen instead of a list of what may not (case 54)."""

from collections.abc import Callable, Collection
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from types import FunctionType
from typing import Any

from jinja2.environment import TemplateModule
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

_DAY = frozenset({"year", "month", "day"})  # no `today`: a template that asks for the time would say another thing tomorrow
_TRANSPARENT = (str, int, tuple, list, dict, TemplateModule, LoopContext, Namespace)


@cache
def _shown(kind: Any) -> frozenset[str]:
    """The attributes of a value that are plain values themselves."""
    if is_dataclass(kind):
        return frozenset(field.name for field in fields(kind))
    return _DAY if kind is date else frozenset()


class Sandbox(ImmutableSandboxedEnvironment):
    """A template sees the fields of dataclasses, and texts, numbers, days and tuples; of every other object it sees nothing.

    Jinja's own sandbox asks of each value whether it is one of those known to be dangerous; what a letter uses most often, the
    fields of a view, macros and the functions of gettext (`speech`), is let through before that, which makes up for the rest.
    """

    speech: Collection[Callable[..., str]] = ()

    def getattr(self, obj: Any, attribute: str) -> Any:
        kind = type(obj)
        if attribute in _shown(kind) or (  # type: ignore[arg-type]  # every class is hashable
            kind is TemplateModule and not attribute.startswith("_")
        ):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if not (isinstance(obj, _TRANSPARENT) or is_dataclass(obj)):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """What can be reached can be called: macros, the functions of gettext, the methods of texts."""
        kind = type(obj)
        if kind is Macro or (kind is FunctionType and obj in self.speech):  # as Context.call does it, who asks what it is
            kwargs.pop("_block_vars", None)
            kwargs.pop("_loop_vars", None)
            return obj(context.eval_ctx, *args, **kwargs)
        return context.call(obj, *args, **kwargs)
