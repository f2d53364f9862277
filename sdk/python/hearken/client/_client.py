"""A client of a node."""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime
from types import TracebackType
from typing import Any, Callable, Hashable, Iterable, Mapping

from ._channel import Channel
from ._emitter import Emitter
from ._errors import ClosedError, EventsDroppedError, HearkenError, WaitTimeoutError
from ._event import NOTHING, Event
from ._events import Events
from ._http import Http, Key
from ._live import Live
from ._patterns import compiled
from ._position import Begin, Position
from ._publish import Publisher
from ._subscription import Filter, Subscription
from ._time import Backoff, Duration, seconds

# What a client tells of itself; every other name is a pattern.
_OWN = frozenset({"ready", "error", "overflow", "close"})

# Events that wait for an `async for`, unless told.
_WAITING = 1024


class Client(Emitter):
    """A client of a node: publishes, listens, and reads channels.

    It connects when there is something to do, and again when the connection breaks. Live events
    that are published meanwhile are missed; those of channels are not. Its own names are ``ready``,
    ``error``, ``overflow`` and ``close``; every other is a pattern on types: ``*`` is any run of
    characters, ``{a,b}`` is either.

    ``key`` is a key or a token, or a function, perhaps ``async``, that answers one for each
    request. ``source`` is what events name that are published; by default the node says whose they
    are. ``timeout`` is how long a request may take, attempts to repeat it included. Pauses before
    something is tried again are random, up to a bound that doubles from ``min_pause`` to
    ``max_pause``. After ``silence`` without a sign of life a stream is opened again.
    """

    def __init__(
        self,
        url: str,
        *,
        key: Key = None,
        source: str | None = None,
        timeout: Duration = 30.0,
        min_pause: Duration = 0.1,
        max_pause: Duration = 30.0,
        silence: Duration = 45.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__()
        self._url = url
        self._pauses = (seconds(min_pause, "a pause"), seconds(max_pause, "a pause"))
        self._http = Http(
            url, key=key, tls=tls, timeout=seconds(timeout, "a timeout"), silence=seconds(silence, "silence")
        )
        self._live = Live(self._http, self._backoff, _Told(self))
        self._publisher = Publisher(self._http, self._backoff, source, self._live.settled)
        self._channels: dict[Hashable, Channel] = {}
        self._listened: dict[str, Callable[[], None]] = {}
        self._waiting: set[Callable[[HearkenError], None]] = set()
        self._greeting: asyncio.Task[None] | None = None
        self._is_ready = False
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Client of {self._url}>"

    async def __aenter__(self) -> Client:
        self._check_open()
        # What was listened to before there was a loop begins now.
        self._live.start()
        if self.handlers("ready"):
            self._greet()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def is_ready(self) -> bool:
        """Whether all that is listened to is heard."""
        return self._is_ready

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        return self._is_closed

    async def emit(
        self,
        event_type: str,
        *,
        subject: str | None = None,
        data: Any = NOTHING,
        distributed: bool | None = None,
        channel: str | None = None,
        id: str | None = None,
        source: str | None = None,
        time: datetime | str | None = None,
        datacontenttype: str | None = None,
        extensions: Mapping[str, Any] | None = None,
        expect: Position | None = None,
        timeout: Duration | None = None,
    ) -> dict[str, Any]:
        """Publishes an event, which arrives under ``custom.``; returns what it was given: ``id``,
        ``time``, and of one to a channel ``sequence`` and ``epoch``.

        Events are published in the order in which this is called, as far as they go to the same
        channel or to none. One to a channel is sent again until it is known to be stored, and is
        stored once; another only if it was certainly not published. ``expect`` has it stored only
        if the channel's last event has that number. ``data`` is written as JSON, bytes as they are.
        """
        self._check_open()
        attributes = {
            "subject": subject,
            "distributed": distributed,
            "channel": channel,
            "id": id,
            "source": source,
            "time": time,
            "datacontenttype": datacontenttype,
            "extensions": extensions,
            "data": data,
        }
        return await self._publisher.one(event_type, attributes, expect, timeout)

    async def emit_all(
        self,
        events: Iterable[Mapping[str, Any]],
        *,
        channel: str | None = None,
        expect: Position | None = None,
        timeout: Duration | None = None,
    ) -> list[dict[str, Any]]:
        """Publishes up to 1,000 events, all or none; each has ``type`` and what :meth:`emit` takes."""
        self._check_open()
        return await self._publisher.many(events, channel, expect, timeout)

    def once(
        self,
        name: str,
        subject: str | None = None,
        *,
        timeout: Duration | None = None,
        channel: str | None = None,
        local_only: bool = False,
    ) -> asyncio.Future[Any]:
        """The next event with this type and subject, from now on: what is emitted after it may
        bring it. With one of its own names, what is told next under that."""
        self._check_open()
        if name == "ready" and self._is_ready:
            ready = asyncio.get_running_loop().create_future()
            ready.set_result(None)
            return ready
        if name in _OWN:
            future = self._next(name)
        else:
            future = self._next_event(name, Filter(subject, channel, local_only))
        end = self._fails(future, timeout, name)
        future.add_done_callback(lambda _: end())
        return future

    def events(
        self,
        pattern: str,
        *,
        subject: str | None = None,
        channel: str | None = None,
        local_only: bool = False,
        limit: int = _WAITING,
    ) -> Events:
        """Events as they are published, for ``async for``, from now on. Up to ``limit`` wait; more
        end it with an :class:`EventsDroppedError`."""
        self._check_open()
        return Events(self._live, self._waiting, pattern, Filter(subject, channel, local_only), limit)

    def channel(
        self,
        name: str,
        *,
        client: str | None = None,
        from_: Begin = None,
        limit: int | None = None,
        subject: str | None = None,
    ) -> Channel:
        """A channel; the same each time for the same name and options.

        ``client`` is the name under which the node keeps how far its events were handled: they are
        handed over at least once, also across restarts. Without it what comes is followed for as
        long as the client lives. ``from_`` says where to begin where the node has no position:
        ``"first"``, ``"new"``, behind a position, or at a time; ``"first"``, or without ``client``
        ``"new"``. ``limit`` is the most events of a page.
        """
        self._check_open()
        key = (name, client, from_, limit, subject)
        if key not in self._channels:
            self._channels[key] = Channel(
                self, self._http, self._backoff, name, client=client, from_=from_, limit=limit, subject=subject
            )
        return self._channels[key]

    async def whoami(self) -> dict[str, Any]:
        """Who the node says that this is, and what they may."""
        return await self._http.json("GET", "/v1/whoami")

    async def close(self) -> None:
        """Ends everything: streams, requests, and what waits. What was handled of channels is kept."""
        if self._is_closed:
            return
        # Before their requests are ended, so that what was handled is kept.
        await asyncio.gather(*(channel.close() for channel in list(self._channels.values())))
        self._is_closed = True
        self._is_ready = False
        tasks = self._live.close()
        self._http.close()
        self._tell("close")
        for fail in list(self._waiting):
            fail(ClosedError())
        if self._greeting is not None:
            tasks.append(self._greeting)
        if tasks:
            current = asyncio.current_task()
            await asyncio.gather(*(task for task in tasks if task is not current), return_exceptions=True)

    def _added(self, name: str) -> None:
        if name == "ready":
            self._greet()
        if name in _OWN or name in self._listened:
            return
        self._check_open()

        def deliver(event: Event) -> None:
            for handler in self.handlers(name):
                self._hand(handler, event)

        def refuse(error: HearkenError) -> None:
            error.pattern = name
            self._listened.pop(name, None)
            self._handlers.pop(name, None)
            self._fail(error)

        self._listened[name] = self._live.add(Subscription(name, Filter(), deliver, refuse))

    def _emptied(self, name: str) -> None:
        stop = self._listened.pop(name, None)
        if stop is not None:
            stop()

    def _next_event(self, pattern: str, filter: Filter) -> asyncio.Future[Any]:
        compiled(pattern)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def deliver(event: Event) -> None:
            if not future.done():
                future.set_result(event)

        def refuse(error: HearkenError) -> None:
            if not future.done():
                future.set_exception(error)

        stop = self._live.add(Subscription(pattern, filter, deliver, refuse), own=True)
        future.add_done_callback(lambda _: stop())
        return future

    def _fails(self, future: asyncio.Future[Any], timeout: Duration | None, name: str) -> Callable[[], None]:
        """Has it fail when the client is closed or its time is over, until it is done."""

        def fail(error: HearkenError) -> None:
            if not future.done():
                future.set_exception(error)
                # Whoever has given it up is told nothing by the end of the client.
                future.exception()

        self._waiting.add(fail)
        timer = None
        if timeout is not None:
            time = seconds(timeout, "a timeout")
            late = WaitTimeoutError(f"no {name} came within {time:g} s")
            timer = asyncio.get_running_loop().call_later(time, fail, late)

        def end() -> None:
            self._waiting.discard(fail)
            if timer is not None:
                timer.cancel()

        return end

    def _greet(self) -> None:
        """Asks the node who this is, where nothing else shows that it is there."""
        if self._greeting is not None:
            return
        try:
            self._greeting = asyncio.get_running_loop().create_task(self._ask_who())
        except RuntimeError:
            # Nothing runs yet.
            return

    async def _ask_who(self) -> None:
        backoff = self._backoff()
        # What is listened to in the same turn is seen.
        await asyncio.sleep(0)
        while not self._listened and not self._is_closed:
            try:
                await self.whoami()
                self._became_ready()
                return
            except HearkenError as error:
                if self._is_closed:
                    return
                pause = backoff.next(getattr(error, "retry_after", None)) if error.temporary else None
                self._fail(error, pause)
                if pause is None:
                    return
            try:
                await self._http.sleep(pause)
            except HearkenError:
                return

    def _became_ready(self) -> None:
        self._is_ready = True
        self._tell("ready")

    def _backoff(self) -> Backoff:
        return Backoff(*self._pauses)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClosedError()

    def _forget(self, channel: Channel) -> None:
        self._channels = {key: known for key, known in self._channels.items() if known is not channel}


class _Told:
    """Passes on what becomes of the streams of a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def ready(self) -> None:
        self._client._became_ready()

    def overflow(self, error: EventsDroppedError) -> None:
        self._client._tell("overflow", error)

    def failed(self, error: HearkenError, retry_in: float) -> None:
        self._client._is_ready = self._client._live.is_ready
        self._client._fail(error, retry_in)
