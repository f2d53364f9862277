"""`append`, `read` and `bounds`: durable channels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, overload

from . import _node
from ._dispatch import begin_part
from ._event import Event
from ._publishing import OUTGOING, Outgoing
from ._registry import registry
from ._values import options as checked


@dataclass(frozen=True, slots=True)
class Stored:
    """Where an event was stored."""

    id: str
    #: Its number in the channel.
    sequence: int
    #: Which log the channel is.
    epoch: str
    #: When it was recorded; RFC 3339.
    time: str
    #: Whether it had been stored before, and was not again.
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Position:
    """Behind the event of this number."""

    sequence: int
    epoch: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Events that were read."""

    #: Ascending by number.
    events: list[Event[Any]]
    #: What `after` takes for the next page.
    next: Position
    #: Number of the channel's last event; 0 if it has had none.
    last: int
    epoch: str
    #: Numbers behind the position that are not kept any more: the first and the last.
    gap: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a channel reaches."""

    epoch: str
    #: Number of the oldest event that is kept; one more than `last` when none is.
    first: int
    last: int


@overload
def append(channel: str, what: str, *, expect: int | None = None, **event: Any) -> Stored: ...
@overload
def append(channel: str, what: Iterable[dict[str, Any]], *, expect: int | None = None) -> list[Stored]: ...
def append(channel: str, what: Any, *, expect: int | None = None, **event: Any) -> Any:
    """Appends an event to a durable channel, with the options of `send`, and returns where it is
    stored once it is durable; or up to 1,000 events, dicts with a `type`, all or none. With
    `expect` only if the channel's last event has this number; 0 if it has had none.

    What a handler appends while it handles an event of a channel is stored once, however often
    that is tried. Needs `[allow] append`. Raises `AppendError`.
    """
    registry.check_done("append")
    if isinstance(what, str):
        one = Outgoing("append", what, **checked("append", event, OUTGOING))
        return _store(channel, [one], expect)[0]
    if event:
        raise TypeError("append: of several events each has its own options")
    return _store(channel, [_of_batch(one) for one in what], expect)


def _of_batch(event: dict[str, Any]) -> Outgoing:
    rest = dict(checked("append", event, (*OUTGOING, "type")))
    return Outgoing("append", rest.pop("type", None), **rest)


def _store(channel: str, events: list[Outgoing], expect: int | None) -> list[Stored]:
    begin_part()
    return _node.current.append(channel, events, expect)


def read(channel: str, *, after: int | Position = 0, limit: int = 100) -> Page:
    """Reads up to `limit` events, 1 to 1,000, behind a number, or the `next` of another page.
    Needs `[allow] read`. Raises `ReadError`."""
    registry.check_done("read")
    position = after if isinstance(after, Position) else Position(after)
    if not isinstance(position.sequence, int) or position.sequence < 0:
        raise TypeError("read: `after` is the number of an event, or the `next` of a page")
    return _node.current.read(channel, position, min(max(int(limit), 0), 2**32 - 1))


def bounds(channel: str) -> Bounds:
    """How far a channel reaches. Needs `[allow] read`. Raises `ReadError`."""
    registry.check_done("bounds")
    return _node.current.bounds(channel)
