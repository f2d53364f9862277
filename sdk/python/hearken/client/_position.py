"""Where a reader of a channel is, and where it begins."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Union

#: The number of an event, or a text ``EPOCH-NUMBER``.
Position = Union[int, str]

#: Where a client begins of whom the node has no position.
Begin = Union[Position, datetime, None]

_TEXT = re.compile(r"(?:[0-9a-f]{16}-)?\d{1,20}", re.ASCII)


def position(given: Position, what: str = "a position") -> str:
    """A position as the node reads it."""
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return str(given)
    if isinstance(given, str) and _TEXT.fullmatch(given):
        return given
    raise TypeError(f'{what} is the number of an event, or a text "EPOCH-NUMBER", not {given!r}')


def in_log(epoch: str | None, number: int) -> str:
    """The same with the log that it is of, if that is known."""
    return str(number) if epoch is None else f"{epoch}-{number}"


def beginning(begin: Begin) -> str | datetime | None:
    """Where to begin, checked."""
    if begin is None or begin in ("first", "new") or isinstance(begin, datetime):
        return begin  # type: ignore[return-value]
    return position(begin, "where to begin")
