"""What is told of pages of a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ._event import Event
from ._position import in_log
from ._reader import Numbers


class Cycle(NamedTuple):
    """A page was handed over.

    ``after`` is the position behind which it was read, ``next`` that behind its last event,
    ``last`` the number of the channel's last event where pages are asked for, and ``events`` how
    many it had.
    """

    channel: str
    after: str | None
    next: str | None
    last: int | None
    events: int


@dataclass(frozen=True)
class Page:
    """Events of a channel, ascending; ``next`` is what ``after`` takes for the next page."""

    channel: str
    epoch: str
    events: list[Event]
    next: str
    last: int
    gap: Numbers | None = None
    damaged: Numbers | None = None


def page(read: dict[str, Any]) -> Page:
    """A page as the node answers it."""
    gap, damaged = read.get("gap"), read.get("damaged")
    return Page(
        channel=read["channel"],
        epoch=read["epoch"],
        events=[Event(event) for event in read["events"]],
        next=in_log(read["epoch"], read["next"]),
        last=read["last"],
        gap=None if gap is None else Numbers(gap["first"], gap["last"]),
        damaged=None if damaged is None else Numbers(damaged["first"], damaged["last"]),
    )
