"""Live events: the streams that bring them, shared by all that is listened to."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Callable, Hashable, Protocol

from ._errors import EventsDroppedError, HearkenError
from ._event import Event
from ._http import Http
from ._patterns import Bundle, bundles, is_covered
from ._sse import Message
from ._subscription import Subscription
from ._time import Backoff

# How long a stream goes on when another takes over: what was on its way when that began has come
# by then.
_GRACE = 1.0

# A stream that was open for longer than so many seconds was no failed attempt.
_LASTED = 5.0


class Told(Protocol):
    """Is given what becomes of streams."""

    def ready(self) -> None: ...

    def overflow(self, error: EventsDroppedError) -> None: ...

    def failed(self, error: HearkenError, retry_in: float) -> None: ...


class Live:
    """All that a client listens to."""

    def __init__(self, http: Http, backoff: Callable[[], Backoff], told: Told) -> None:
        self.http = http
        self.backoff = backoff
        self.told = told
        self.is_ready = False
        self._groups: dict[Hashable, _Group] = {}

    def add(self, subscription: Subscription, own: bool = False) -> Callable[[], None]:
        """Listens, until what it returns is called; `own` is for what ends soon, and is not worth
        another stream for the others."""
        key: Hashable = subscription.filter
        shared = self._groups.get(subscription.filter._replace(subject=None))
        if own and shared is not None and shared.covers(subscription.pattern):
            group = shared
        else:
            name = object() if own else key
            group = self._groups.get(name) or _Group(self, name, subscription)
            self._groups[name] = group
        group.add(subscription)
        return lambda: group.remove(subscription)

    def start(self) -> None:
        """Begins with what was listened to before there was a loop."""
        for group in self._groups.values():
            group.plan()

    async def settled(self) -> None:
        """Waits until all that is listened to is, or an attempt at it has failed."""
        for group in list(self._groups.values()):
            await group.settled()

    def forget(self, name: Hashable) -> None:
        """Nobody listens in a group any more."""
        self._groups.pop(name, None)

    def look(self) -> None:
        """Looks whether all streams are open."""
        groups = self._groups.values()
        ready = bool(groups) and all(group.is_open for group in groups)
        became = ready and not self.is_ready
        self.is_ready = ready
        if became:
            self.told.ready()

    def close(self) -> list[asyncio.Task[None]]:
        """Ends all streams; returns what is to end of them."""
        tasks = [task for group in self._groups.values() for task in group.close()]
        self._groups.clear()
        return tasks


class _Group:
    """What is listened to with the same filter but for the type."""

    def __init__(self, live: Live, name: Hashable, first: Subscription) -> None:
        self.live = live
        self._name = name
        subject, channel, local_only = first.filter
        self.query = {"subject": subject, "channel": channel, "local_only": "true" if local_only else None}
        self._subscriptions: dict[Subscription, None] = {}
        self._streams: list[_Stream] = []
        self._planned: asyncio.Event | None = None
        self._apart = False

    def add(self, subscription: Subscription) -> None:
        self._subscriptions[subscription] = None
        self.plan()

    def remove(self, subscription: Subscription) -> None:
        if self._subscriptions.pop(subscription, self) is None:
            self.plan()

    @property
    def is_open(self) -> bool:
        return self._planned is None and all(stream.is_open or stream.retires for stream in self._streams)

    def covers(self, pattern: str) -> bool:
        return is_covered(pattern, [subscription.pattern for subscription in self._subscriptions])

    async def settled(self) -> None:
        if self._planned is not None:
            await self._planned.wait()
        for stream in list(self._streams):
            await stream.settled.wait()

    def close(self) -> list[asyncio.Task[None]]:
        self._subscriptions.clear()
        for stream in self._streams:
            stream.close()
        tasks = [stream.task for stream in self._streams]
        self._streams.clear()
        return tasks

    def plan(self) -> None:
        """Arranges streams soon, so that what is asked for together becomes one."""
        if self._planned is not None or self.live.http.is_closed:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # Nothing runs yet: the client will begin with it.
            return
        self._planned = asyncio.Event()
        loop.call_soon(self._arrange)

    def _arrange(self) -> None:
        if self._planned is not None:
            self._planned.set()
            self._planned = None
        if self.live.http.is_closed:
            return
        if not self._subscriptions:
            self.close()
            self.live.forget(self._name)
            self.live.look()
            return
        wanted = bundles((subscription.pattern for subscription in self._subscriptions), self._apart)
        streams = [self._find(bundle) or self._open(bundle) for bundle in wanted]
        for stream in self._streams:
            stream.retires = stream not in streams
        for subscription in self._subscriptions:
            at = next(at for at, bundle in enumerate(wanted) if is_covered(subscription.pattern, bundle.patterns))
            subscription.go_to(streams[at])
            if subscription.next is not None and subscription.next.is_open:
                streams[at].take_over()
        self._release()
        self.live.look()

    def _find(self, bundle: Bundle) -> _Stream | None:
        for stream in self._streams:
            if stream.type == bundle.type:
                stream.patterns = bundle.patterns
                return stream
        return None

    def _open(self, bundle: Bundle) -> _Stream:
        stream = _Stream(self, bundle)
        self._streams.append(stream)
        return stream

    def _release(self) -> None:
        """Ends streams that nobody listens to any more."""
        for stream in [stream for stream in self._streams if stream.retires]:
            if any(stream in (one.home, one.next) for one in self._subscriptions):
                continue
            stream.close()
            self._streams.remove(stream)

    def opened(self, stream: _Stream) -> None:
        if any(subscription.next is stream for subscription in self._subscriptions):
            stream.take_over()
        self.live.look()

    def moved(self, stream: _Stream) -> None:
        """The time of the streams before it is over."""
        for subscription in list(self._subscriptions):
            if subscription.next is stream:
                subscription.move()
        self._release()

    def took(self, event: Event, stream: _Stream) -> None:
        for subscription in list(self._subscriptions):
            subscription.take(event, stream)
        self._release()

    def lost(self, stream: _Stream) -> None:
        """A stream has ended that was open; it is not opened again if it retires."""
        for subscription in list(self._subscriptions):
            if stream.retires or subscription.next is not None:
                subscription.lose(stream, not stream.retires)
        self._release()
        self.live.look()

    async def refused(self, stream: _Stream, error: HearkenError) -> bool:
        """The node does not give this stream; whichever of its patterns is at fault is told."""
        found = len(stream.patterns) == 1
        if found:
            self._refuse(stream.patterns[0], error)
        else:
            for pattern in stream.patterns:
                try:
                    opened = await self.live.http.stream("/v1/events", query={**self.query, "type": pattern})
                    opened.close()
                except HearkenError as reason:
                    if reason.temporary or self.live.http.is_closed:
                        return False
                    found = True
                    self._refuse(pattern, reason)
        if not found:
            # Each for itself is taken, but not together.
            self._apart = True
        for subscription in self._subscriptions:
            subscription.lose(stream)
        self._streams.remove(stream)
        self.plan()
        return True

    def _refuse(self, pattern: str, error: HearkenError) -> None:
        for subscription in list(self._subscriptions):
            if subscription.pattern == pattern:
                del self._subscriptions[subscription]
                subscription.refuse(error)


class _Stream:
    """One stream, opened again when it breaks."""

    def __init__(self, group: _Group, bundle: Bundle) -> None:
        self._group = group
        self.type = bundle.type
        self.patterns = bundle.patterns
        self.is_open = False
        #: Whether others have taken over what it brings, or will.
        self.retires = False
        #: Set while no attempt to open it is under way.
        self.settled = asyncio.Event()
        self._backoff = group.live.backoff()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self.task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        self._is_closed = True
        self.is_open = False
        self.settled.set()
        self._stop_timer()
        if self.task is not asyncio.current_task():
            self.task.cancel()

    def take_over(self) -> None:
        """Takes over from the streams before, in a while at the latest."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_GRACE, self._moved)

    def _moved(self) -> None:
        self._timer = None
        self._group.moved(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _run(self) -> None:
        http = self._group.live.http
        while not self._is_closed:
            error = await self._once()
            if self._is_closed or http.is_closed:
                break
            was_open = self.is_open
            self.is_open = False
            self._stop_timer()
            if was_open:
                self._group.lost(self)
                if self.retires:
                    break
            if not error.temporary and await self._group.refused(self, error):
                break
            pause = self._backoff.next(getattr(error, "retry_after", None))
            self.settled.set()
            self._group.live.told.failed(error, pause)
            try:
                await http.sleep(pause)
            except HearkenError:
                break
            self.settled.clear()
        self.settled.set()

    async def _once(self) -> HearkenError:
        """Opens it, and takes what it brings; returns why it has ended."""
        loop = asyncio.get_running_loop()
        opened: float | None = None
        try:
            query = {**self._group.query, "type": self.type}
            stream = await self._group.live.http.stream("/v1/events", query=query)
            pieces = stream.pieces()
            try:
                self.is_open = True
                opened = loop.time()
                self.settled.set()
                self._group.opened(self)
                async for messages in pieces:
                    for message in messages:
                        self._take(message)
                    if self._is_closed:
                        break
                return HearkenError("protocol", "the stream has ended", temporary=True)
            finally:
                await pieces.aclose()
                stream.close()
        except HearkenError as error:
            return error
        except Exception as error:
            return HearkenError("protocol", f"the stream cannot be read: {error!r}", temporary=True)
        finally:
            # One that is opened and breaks at once is no success.
            if opened is not None and loop.time() - opened > _LASTED:
                self._backoff.reset()

    def _take(self, message: Message) -> None:
        if self._is_closed or message.data is None:
            return
        read: dict[str, Any] = json.loads(message.data)
        if message.event == "overflow":
            error = EventsDroppedError(read.get("dropped"))
            self._group.live.told.overflow(error)
            raise error
        if message.event == "access-ended":
            raise HearkenError("access-ended", read.get("reason", "access has ended"), temporary=True)
        self._group.took(Event(read), self)
