"""From what a plugin raises to what the node is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import groupby, islice
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType

from ._errors import Reject, Retry
from ._values import milliseconds

#: Lines of a trace that are told: what is called and by whom, not a whole recursion.
MAX_FRAMES = 16
#: Errors that are told as the causes of another.
MAX_CAUSES = 4
#: Times that a line is told which a recursion repeats.
MAX_REPEATED = 3

_OWN = os.path.dirname(__file__)
#: Names of the texts of the plugin, once an engine runs them: all else is the engine's.
texts: frozenset[str] | None = None
#: What the engine has to add to an error, for who does not know what there is.
hint: Callable[[BaseException], str | None] = lambda error: None


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
    try:
        return Failure(told(error), rejects(error), after)
    except BaseException:
        # An exception can be anything, also something that fails when it is looked at.
        return Failure(f"{type(error).__name__}: it cannot be said")


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
    advice = _advice(error)
    if advice:
        lines[0] += f"; {advice}"
    if isinstance(error, BaseExceptionGroup) and causes:
        lines.extend(f"of them: {told(one, causes - 1)}" for one in error.exceptions[:MAX_CAUSES])
    cause = error.__cause__
    if cause is None and not error.__suppress_context__:
        cause = error.__context__
    if cause is not None and causes:
        lines.append(f"caused by {told(cause, causes - 1)}")
    return "\n".join(lines)


def _advice(error: BaseException) -> str | None:
    try:
        return hint(error)
    except BaseException:
        return None


def _headline(error: BaseException) -> str:
    name = type(error).__qualname__
    try:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        if isinstance(error, ImportError) and error.path:
            # Where the engine has it is nothing to the author.
            message = message.removesuffix(f" ({error.path})")
    except BaseException:
        message = "it cannot be said"
    return f"{name}: {message}" if message else name


def _places(error: BaseException) -> list[str]:
    """Those of the plugin, the innermost first."""
    places = []
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        places.append(f"at {error.filename}:{error.lineno}:{error.offset or 1}")
    told = [place for _, same in groupby(_frames(error.__traceback__)) for place in islice(same, MAX_REPEATED)]
    places.extend(told[: -MAX_FRAMES - 1 : -1])
    return places


def _frames(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        place = place_of(trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
        if place is not None:
            yield place
        trace = trace.tb_next


def place_of(frame: FrameType, instruction: int, line: int | None) -> str | None:
    """Where in the plugin a frame is; none if it is not the plugin's."""
    code = frame.f_code
    name = code.co_filename
    if not (name in texts if texts is not None else not name.startswith((_OWN, "<frozen"))):
        return None
    return place_in(code, instruction, line)


def place_in(code: CodeType, instruction: int, line: int | None = None) -> str:
    """Where in a code an instruction is."""
    line, column = _position(code, instruction, line)
    place = f"{code.co_filename}:{line}:{column}"
    return f"at {place}" if code.co_qualname == "<module>" else f"at {code.co_qualname} ({place})"


def _position(code: CodeType, instruction: int, known: int | None) -> tuple[int, int]:
    """Line and column, both from 1."""
    for line, _, column, _ in islice(code.co_positions(), instruction // 2, None):
        return line or known or 1, (column or 0) + 1
    return known or 1, 1
