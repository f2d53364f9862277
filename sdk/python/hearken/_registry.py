"""What a plugin has registered while its file was run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ._pattern import wants_channel

#: What sessions may ask.
QUESTIONS = ("connect", "refresh", "subscribe", "sub_refresh", "publish", "rpc")


@dataclass(slots=True, eq=False)
class Listener:
    """A function that is called with events."""

    #: The function's, or where it was registered.
    name: str
    patterns: list[str]
    matches: list[Callable[[str], bool]]
    subject: str | None
    channel: str | None
    #: Events as they are published, not those that the channel delivers.
    live: bool
    #: Where it begins in the channel: `first`, `new`, a number, or as usual.
    begins: str | int | None
    local_only: bool
    handler: Callable[[Any], Any]
    #: Whether what it returns is waited for.
    is_async: bool

    def is_plain(self) -> bool:
        """Whether its pattern is all that decides, and it is done when it returns."""
        filters = self.local_only or self.subject is not None or self.channel is not None
        return self.live and not self.is_async and not filters

    def listens_to(self, event_type: str) -> bool:
        return any(matches(event_type) for matches in self.matches)

    def wants(self, event: Any) -> bool:
        """Whether it wants an event whose type it listens to."""
        return (
            (not self.local_only or event.localorigin)
            and (self.subject is None or self.subject == event.subject)
            and (self.channel is None or wants_channel(self.channel, event.channel))
        )


@dataclass(slots=True)
class Hooks:
    """What answers sessions."""

    #: Empty for all.
    namespaces: list[str]
    answers: dict[str, Callable[..., Any]]


@dataclass(slots=True)
class Registry:
    listeners: list[Listener] = field(default_factory=list)
    hooks: Hooks | None = None
    #: Whether the file is being run (`True`) or is done (`False`); `None` where nobody looks.
    open: bool | None = None

    def add(self, listener: Listener) -> None:
        for other in self.listeners:
            same = (other.channel, other.name) == (listener.channel, listener.name)
            if same and not listener.live and not other.live:
                raise ValueError(
                    f"two listeners on the channel `{listener.channel}` are called `{listener.name}`, by which what "
                    "they append cannot be told apart; name one of the functions otherwise"
                )
        self.listeners.append(listener)

    def check_open(self, call: str) -> None:
        if self.open is False:
            raise RuntimeError(f"{call} is for the top of the file, not for handlers")

    def check_done(self, call: str) -> None:
        if self.open is True:
            raise RuntimeError(
                f"{call} is for handlers: what is at the top of the file runs whenever an instance starts, "
                "before there is an event"
            )


registry = Registry()
