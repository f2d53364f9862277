"""From what a plugin raises to what the node is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from ._errors import Reject, Retry
from ._values import milliseconds

#: Lines of a trace that are told: what is called and by whom, not a whole recursion.
MAX_FRAMES = 16
#: Errors that are told as the causes of another.
MAX_CAUSES = 4

_OWN = os.path.dirname(__file__)
#: Names of the texts of the plugin, once an engine runs them: all else is the engine's.
texts: frozenset[str] | None = None


@dataclass(slots=True)
class Failure:
    """Why a listener has not handled an event."""

    #: What was raised, and under it the places, each as `at NAME (FILE:LINE:COLUMN)`.
    reason: str
    #: Whether another attempt would be in vain.
    rejected: bool = False
    #: How many milliseconds are to pass before the next attempt, if it says so.
    after: int | None = None


def raised(error: BaseException) -> Failure:
    """What an exception means."""
    after = None
    if isinstance(error, Retry) and error.after is not None:
        try:
            after = milliseconds("Retry", "after", error.after)
        except TypeError:
            pass
    return Failure(told(error), rejects(error), after)


def together(failures: list[tuple[str, Failure]]) -> Failure:
    """What several failures of one event are: it is rejected if nobody would try it again."""
    return Failure(
        "\n".join(f"{name}: {failure.reason}" for name, failure in failures),
        all(failure.rejected for _, failure in failures),
        max((failure.after for _, failure in failures if failure.after is not None), default=None),
    )


def rejects(error: BaseException) -> bool:
    """Whether it is a `Reject`, or came of one."""
    for _ in range(MAX_CAUSES):
        if isinstance(error, Reject):
            return True
        if error.__cause__ is None:
            return False
        error = error.__cause__
    return False


def told(error: BaseException, causes: int = MAX_CAUSES) -> str:
    """What was raised, where, and because of what."""
    lines = [_headline(error)]
    lines.extend(f"    {place}" for place in _places(error))
    lines.extend(str(note) for note in getattr(error, "__notes__", ()))
    if isinstance(error, BaseExceptionGroup) and causes:
        lines.extend(f"of them: {told(one, causes - 1)}" for one in error.exceptions[:MAX_CAUSES])
    cause = error.__cause__
    if cause is None and not error.__suppress_context__:
        cause = error.__context__
    if cause is not None and causes:
        lines.append(f"caused by {told(cause, causes - 1)}")
    return "\n".join(lines)


def _headline(error: BaseException) -> str:
    name = type(error).__qualname__
    try:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:
        message = "it cannot be said"
    return f"{name}: {message}" if message else name


def _places(error: BaseException) -> list[str]:
    """Those of the plugin, the innermost first."""
    places = []
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        places.append(f"at {error.filename}:{error.lineno}:{error.offset or 1}")
    places.extend(list(_frames(error.__traceback__))[: -MAX_FRAMES - 1 : -1])
    return places


def _frames(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        code = trace.tb_frame.f_code
        name = code.co_filename
        if name in texts if texts is not None else not name.startswith((_OWN, "<frozen")):
            line, column = _position(trace)
            place = f"{name}:{line}:{column}"
            yield f"at {place}" if code.co_qualname == "<module>" else f"at {code.co_qualname} ({place})"
        trace = trace.tb_next


def _position(trace: TracebackType) -> tuple[int, int]:
    """Line and column, both from 1."""
    for at, (line, _, column, _) in enumerate(trace.tb_frame.f_code.co_positions()):
        if at == trace.tb_lasti // 2:
            return line or trace.tb_lineno or 1, (column or 0) + 1
    return trace.tb_lineno or 1, 1
