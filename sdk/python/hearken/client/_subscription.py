"""What somebody listens to, and its way from one stream to the next without a loss."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Protocol

from ._errors import HearkenError
from ._event import Event
from ._patterns import compiled

# Events of which is remembered that the stream before has brought them.
_REMEMBERED = 10_000


class Filter(NamedTuple):
    """What an event must be besides of a type that matches."""

    subject: str | None = None
    channel: str | None = None
    local_only: bool = False


class Source(Protocol):
    """A stream of events."""

    is_open: bool


class Subscription:
    """One pattern, and what gets its events."""

    def __init__(
        self,
        pattern: str,
        filter: Filter,
        deliver: Callable[[Event], Any],
        refuse: Callable[[HearkenError], Any],
    ) -> None:
        self.pattern = pattern
        self.filter = filter
        self.refuse = refuse
        self._deliver = deliver
        self._expression = compiled(pattern)
        #: The stream whose events are delivered.
        self.home: Source | None = None
        #: The one that takes over.
        self.next: Source | None = None
        # What that has brought already.
        self._held: list[tuple[tuple[str, str], Event]] = []
        # What `home` has brought since `next` was asked for.
        self._seen: set[tuple[str, str]] = set()
        # What was delivered of the stream before.
        self._skipped: set[tuple[str, str]] = set()

    def go_to(self, stream: Source) -> None:
        """Has another stream take over, once it brings what this one does."""
        if self.home is stream:
            self.stay()
        elif self.home is None or not self.home.is_open:
            self.stay()
            self.home = stream
        elif self.next is not stream:
            self.stay()
            self.next = stream

    def stay(self) -> None:
        """Nothing takes over."""
        self.next = None
        self._held = []
        self._seen = set()

    def take(self, event: Event, stream: Source) -> None:
        """Takes what a stream has brought."""
        if stream is not self.home and stream is not self.next:
            return
        if not self._expression.fullmatch(event.type) or self.filter.subject not in (None, event.subject):
            return
        key = (event.source, event.id)
        if stream is self.home:
            if key in self._skipped:
                self._skipped.discard(key)
                return
            if self.next is not None and len(self._seen) < _REMEMBERED:
                self._seen.add(key)
            self._deliver(event)
        else:
            self._held.append((key, event))
            # From here on the other brings nothing that this one does not.
            if key in self._seen:
                self.move()

    def move(self) -> None:
        """The next stream is the one now."""
        if self.next is None:
            return
        held, self._skipped = self._held, self._seen
        self.home = self.next
        self.stay()
        for key, event in held:
            if key in self._skipped:
                self._skipped.discard(key)
            else:
                self._deliver(event)

    def lose(self, stream: Source, comes_back: bool = False) -> None:
        """A stream is gone; what takes over may come back."""
        if self.next is stream:
            if comes_back:
                self._held = []
            else:
                self.stay()
        if self.home is not stream:
            return
        if self.next is not None:
            self.move()
        else:
            self.home = None
