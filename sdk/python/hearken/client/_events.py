"""Events that wait for whoever goes through them with `async for`."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, AsyncIterator, Callable

from ._errors import ClosedError, EventsDroppedError, HearkenError
from ._event import Event
from ._live import Live
from ._patterns import compiled
from ._subscription import Filter, Subscription


class Events:
    """Events as they are published: an asynchronous iterator, and a context manager that ends it."""

    def __init__(
        self,
        live: Live,
        waiting: set[Callable[[HearkenError], None]],
        pattern: str,
        filter: Filter,
        limit: int,
    ) -> None:
        compiled(pattern)
        self._events: deque[Event] = deque()
        self._limit = limit
        self._dropped = 0
        self._failure: HearkenError | None = None
        self._come = asyncio.Event()
        # Who is told when the client is closed.
        self._waiting = waiting
        waiting.add(self._fail)
        self._stop = live.add(Subscription(pattern, filter, self._push, self._fail))

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._dropped or self._failure is not None:
                await self.aclose()
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    raise EventsDroppedError(dropped)
                if self._failure is None or isinstance(self._failure, ClosedError):
                    raise StopAsyncIteration
                failure, self._failure = self._failure, ClosedError()
                raise failure
            self._come.clear()
            await self._come.wait()
        return self._events.popleft()

    async def __aenter__(self) -> Events:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends it."""
        self._waiting.discard(self._fail)
        self._stop()
        self._fail(ClosedError())

    def _push(self, event: Event) -> None:
        if self._dropped or len(self._events) >= self._limit:
            self._dropped += 1
        else:
            self._events.append(event)
        self._come.set()

    def _fail(self, error: HearkenError) -> None:
        if self._failure is None:
            self._failure = error
        self._come.set()
