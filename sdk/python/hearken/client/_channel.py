"""A channel: what is appended to it, and what is read from it."""

from __future__ import annotations

import asyncio
import inspect
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, AsyncGenerator, Callable, Iterable, Mapping
from urllib.parse import quote

from ._emitter import Emitter
from ._errors import ClosedError, HandlerError, HearkenError, ProblemError
from ._event import NOTHING, Event, rfc3339
from ._http import Http
from ._patterns import bundles, compiled, matches
from ._page import Cycle, Page, page
from ._position import Begin, Position, beginning, position
from ._reader import Item, Reader
from ._time import Backoff, Duration
from ._waiting import unless

if TYPE_CHECKING:
    from ._client import Client

# What a channel tells of itself; every other name is a pattern.
_OWN = frozenset({"ready", "error", "gap", "damaged", "cycle", "drain"})


class _Run:
    """What reads for as long as somebody listens."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        #: Ends it.
        self.end: asyncio.Future[None] = loop.create_future()
        #: Has it read anew, as is listened to now.
        self.again: asyncio.Future[None] = loop.create_future()
        #: Whether a page is being handed over, which comes to its end.
        self.hands = False
        self.task: asyncio.Task[None] | None = None


class Channel(Emitter):
    """A channel of a node.

    What listens to it is called with one event at a time, in order, and awaited. An event with
    which it fails is handed to it again; those behind wait. Its own names are ``ready``, ``error``,
    ``gap``, ``damaged``, ``cycle`` and ``drain``; every other is a pattern. ``async for`` goes
    through its events; one counts as handled when the next is asked for.
    """

    def __init__(
        self,
        owner: Client,
        http: Http,
        backoff: Callable[[], Backoff],
        name: str,
        *,
        client: str | None,
        from_: Begin,
        limit: int | None,
        subject: str | None,
    ) -> None:
        super().__init__()
        if not isinstance(name, str) or not name:
            raise TypeError("a channel has a name")
        self.name = name
        self._owner = owner
        self._http = http
        self._backoff = backoff
        self._path = f"/v1/channels/{quote(name, safe='')}"
        self._client = client
        self._from = beginning(from_)
        self._query = {"limit": limit, "subject": subject}
        self._run: _Run | None = None
        self._iterations: set[Reader] = set()
        # Where the last run has ended, from which the next goes on.
        self._position: str | None = None
        self._is_closed = False
        # What is awaited, and under which name it will be told.
        self._awaited: dict[asyncio.Future[Any], str] = {}

    def __repr__(self) -> str:
        return f"<Channel {self.name!r}>"

    def once(self, name: str) -> asyncio.Future[Any]:
        """What is told next under a name, or the next event of a pattern."""
        future = self._next(name)
        self._awaited[future] = name
        future.add_done_callback(lambda _: self._awaited.pop(future, None))
        return future

    async def append(
        self,
        event_type: str,
        *,
        subject: str | None = None,
        data: Any = NOTHING,
        distributed: bool | None = None,
        id: str | None = None,
        source: str | None = None,
        time: datetime | str | None = None,
        datacontenttype: str | None = None,
        extensions: Mapping[str, Any] | None = None,
        expect: Position | None = None,
        timeout: Duration | None = None,
    ) -> dict[str, Any]:
        """As :meth:`Client.emit` with this channel."""
        return await self._owner.emit(
            event_type,
            subject=subject,
            data=data,
            distributed=distributed,
            channel=self.name,
            id=id,
            source=source,
            time=time,
            datacontenttype=datacontenttype,
            extensions=extensions,
            expect=expect,
            timeout=timeout,
        )

    async def append_all(
        self,
        events: Iterable[Mapping[str, Any]],
        *,
        expect: Position | None = None,
        timeout: Duration | None = None,
    ) -> list[dict[str, Any]]:
        """Appends up to 1,000 events, all or none."""
        return await self._owner.emit_all(events, channel=self.name, expect=expect, timeout=timeout)

    async def read(
        self,
        *,
        after: Position | None = None,
        since: datetime | str | None = None,
        limit: int | None = None,
        type: str | None = None,
        subject: str | None = None,
    ) -> Page:
        """One page, whoever reads otherwise; from the beginning unless told."""
        query = {
            "after": None if after is None else position(after, "`after`"),
            "since": rfc3339(since) if isinstance(since, datetime) else since,
            "limit": limit,
            "type": type,
            "subject": subject,
        }
        return page(await self._http.json("GET", f"{self._path}/events", query=query))

    async def latest(self, limit: int | None = None) -> Page:
        """The newest events, ascending; 10 unless told."""
        return page(await self._http.json("GET", f"{self._path}/latest", query={"limit": limit}))

    async def event(self, sequence: int) -> Event:
        """One event."""
        return Event(await self._http.json("GET", f"{self._path}/events/{int(sequence)}"))

    async def position(self) -> dict[str, Any] | None:
        """How far the client has handled it, if it has begun: ``after``, ``epoch``, ``lag``…"""
        try:
            return await self._http.json("GET", self._cursor())
        except ProblemError as error:
            if error.code == "no-cursor":
                return None
            raise

    async def seek(self, after: Position) -> dict[str, Any]:
        """Has the client go on behind this position; to be called while it does not read."""
        given = position(after)
        body = json.dumps({"after": given if "-" in given else int(given)}).encode()
        moved = await self._http.json(
            "PUT", self._cursor(), body=body, headers={"content-type": "application/json"}
        )
        # Whoever listens next begins there.
        self._position = None
        return moved

    async def events(self, type: str | None = None) -> AsyncGenerator[Event, None]:
        """Its events, for ``async for``. One counts as handled when the next is asked for."""
        self._check_open()
        reader = self._reader(type, lambda: None)
        self._iterations.add(reader)
        pages = reader.pages()
        try:
            async for page in pages:
                for item in page.items:
                    if item.event is None:
                        self._tell_of(item)
                    else:
                        yield item.event
                        # The next was asked for, so this one is handled.
                        reader.position = item.position
                    if self._is_closed:
                        return
                reader.position = page.next
        finally:
            self._iterations.discard(reader)
            await pages.aclose()
            await self._keep_position(reader)

    def __aiter__(self) -> AsyncGenerator[Event, None]:
        return self.events()

    async def close(self) -> None:
        """Ends reading at once. What was handled is kept, what is being handled is handed over again."""
        self._is_closed = True
        self._owner._forget(self)
        run = self._run
        if run is not None and not run.end.done():
            run.end.set_result(None)
        for reader in list(self._iterations):
            await self._keep_position(reader)
        if run is not None and run.task is not None and run.task is not asyncio.current_task():
            await asyncio.wait({run.task})
        self._end(ClosedError(), lambda name: True)

    def _end(self, error: HearkenError, concerns: Callable[[str], bool]) -> None:
        """Ends what is awaited under such names."""
        for future, name in list(self._awaited.items()):
            if concerns(name) and not future.done():
                future.set_exception(error)
                # Whoever has given it up is told nothing.
                future.exception()

    def _fail(self, error: HearkenError, retry_in: float | None = None) -> None:
        """The client tells what nobody here listens to."""
        error.channel = self.name
        if self.handlers("error"):
            super()._fail(error, retry_in)
        else:
            self._owner._fail(error, retry_in)

    def _added(self, name: str) -> None:
        if name in _OWN or self.handlers(name):
            return
        compiled(name)
        self._check_open()
        # By then it is among the handlers.
        asyncio.get_running_loop().call_soon(self._change)

    def _emptied(self, name: str) -> None:
        if name not in _OWN:
            self._change()

    def _check_open(self) -> None:
        if self._is_closed or self._http.is_closed:
            raise ClosedError()

    def _patterns(self) -> list[str]:
        return [name for name in self._handlers if name not in _OWN]

    def _cursor(self) -> str:
        if self._client is None:
            raise TypeError("the channel was opened without the name of a client: channel(name, client=…)")
        return f"{self._path}/cursors/{quote(self._client, safe='')}"

    def _reader(self, type: str | None, opened: Callable[[], None]) -> Reader:
        return Reader(
            self._http,
            self._path,
            client=self._client,
            from_=self._from,
            query={**self._query, "type": type},
            backoff=self._backoff(),
            fail=self._fail,
            opened=opened,
        )

    def _change(self) -> None:
        """Has the reading fit what is listened to."""
        run = self._run
        if run is not None:
            # A page that is handed over comes to its end first.
            if not run.hands and not run.again.done():
                run.again.set_result(None)
            return
        if self._patterns() and not self._is_closed and not self._http.is_closed:
            self._run = run = _Run()
            run.task = asyncio.get_running_loop().create_task(self._read(run))

    async def _read(self, run: _Run) -> None:
        """Reads while there are handlers."""
        failure: HearkenError | None = None
        reader: Reader | None = None
        while self._patterns() and failure is None and not run.end.done() and not self._http.is_closed:
            run.again = asyncio.get_running_loop().create_future()
            wanted = self._type()
            reader = self._reader(wanted, self._tell_ready)
            if self._position is not None:
                reader.go_on(self._position)
            try:
                await self._read_as(run, reader, wanted)
            except HearkenError as error:
                failure = error
            except Exception as error:
                failure = HearkenError("protocol", f"what the node has answered cannot be read: {error!r}")
                failure.__cause__ = error
            finally:
                run.hands = False
                self._position = reader.position
        if reader is not None:
            # Else the next page is asked for, which has the node keep it.
            await self._keep_position(reader)
        self._run = None
        if failure is not None and not run.end.done() and not self._http.is_closed:
            self._end(failure, lambda name: name not in _OWN)
            # Nobody is called any more, until they listen anew.
            for pattern in self._patterns():
                del self._handlers[pattern]
            self._fail(failure)
        self._tell("drain", self.name)
        self._change()

    async def _read_as(self, run: _Run, reader: Reader, wanted: str | None) -> None:
        """Reads events of one pattern until something else is listened to."""
        pages = reader.pages()
        try:
            while True:
                page = await unless(pages.__anext__(), run.end, run.again)
                if page is None:
                    return
                run.hands = True
                whole = await self._hand_over(run, reader, page.items)
                run.hands = False
                if whole:
                    reader.position = page.next
                    events = sum(item.event is not None for item in page.items)
                    self._tell("cycle", Cycle(self.name, page.after, page.next, page.last, events))
                # What was not handed over is read again.
                if not whole or run.end.done() or not self._patterns() or wanted != self._type():
                    return
        except StopAsyncIteration:
            return
        finally:
            await pages.aclose()

    def _type(self) -> str | None:
        """The pattern of all that is listened to, if it is one; else all events are looked at."""
        every = bundles(self._patterns())
        return every[0].type if len(every) == 1 and every[0].type != "*" else None

    async def _hand_over(self, run: _Run, reader: Reader, items: list[Item]) -> bool:
        """Hands over a page; returns whether that came to its end."""
        for item in items:
            if run.end.done() or not self._patterns():
                return False
            if item.event is None:
                self._tell_of(item)
                continue
            handled = asyncio.ensure_future(self._handle(item.event, run.end))
            self._keep(handled, self._report)
            # A handler may itself close the channel, so it is not cancelled.
            await asyncio.wait({handled, run.end}, return_when=asyncio.FIRST_COMPLETED)
            if not handled.done():
                return False
            reader.position = item.position
        return True

    async def _handle(self, event: Event, end: asyncio.Future[None]) -> None:
        """Has each handler that wants the event handle it, until it has."""
        for pattern in self._patterns():
            if not matches(pattern, event.type):
                continue
            for handler in self.handlers(pattern):
                backoff = self._backoff()
                while handler in self.handlers(pattern) and not end.done():
                    try:
                        answer = handler(event)
                        if inspect.isawaitable(answer):
                            await answer
                        break
                    except Exception as error:
                        pause = backoff.next()
                        self._fail(HandlerError(event, error), pause)
                        await asyncio.wait({end}, timeout=pause)

    def _tell_ready(self) -> None:
        self._tell("ready")

    def _tell_of(self, item: Item) -> None:
        if item.gap is not None:
            self._tell("gap", item.gap)
        else:
            self._tell("damaged", item.damaged)

    async def _keep_position(self, reader: Reader) -> None:
        try:
            await reader.keep()
        except HearkenError as error:
            # It is handed over again what was handled; nothing is lost.
            if not self._http.is_closed:
                self._fail(error, 0.0)
