"""Reads a channel from a position on: in pages that the node is asked for, where it keeps the
position, else as a stream that is resumed."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, AsyncGenerator, Callable, NamedTuple
from urllib.parse import quote

from ._errors import HearkenError, ProblemError
from ._event import Event, rfc3339
from ._http import Http
from ._position import in_log
from ._time import Backoff

# Seconds for which the node waits for an event.
_WAIT = 30

# Seconds for which whoever closes a reader waits until the node has its position.
_KEEPING = 5.0

# What ends a stream of a channel.
_ENDS = ("removed", "failed", "access-ended")


class Numbers(NamedTuple):
    """Numbers of events that follow each other."""

    first: int
    last: int


class Item(NamedTuple):
    """One event and the position behind it, or numbers that were passed over."""

    event: Event | None = None
    position: str | None = None
    gap: Numbers | None = None
    damaged: Numbers | None = None


class ReadPage(NamedTuple):
    """What was read together."""

    items: list[Item]
    after: str | None
    next: str | None
    last: int | None = None


class Reader:
    """A reader.

    ``position`` is behind the last event that was handled, and moved by whoever handles them: from
    there it goes on when the connection breaks, and when the next page is asked for.
    """

    def __init__(
        self,
        http: Http,
        path: str,
        *,
        client: str | None,
        from_: str | datetime | None,
        query: dict[str, Any],
        backoff: Backoff,
        fail: Callable[[HearkenError, float], None],
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._http = http
        self._path = path
        self._client = client
        self._from = from_ or ("new" if client is None else "first")
        self._query = query
        self._backoff = backoff
        self._fail = fail
        self._opened = opened
        self.position: str | None = None
        # What the node has of it, where it keeps it.
        self._kept: str | None = None
        self._begun = False

    def go_on(self, position: str) -> None:
        """Begins where another reader has ended."""
        self.position = position
        self._begun = True

    async def pages(self) -> AsyncGenerator[ReadPage, None]:
        """Pages, until the client is closed. Errors that stay are raised."""
        while not self._http.is_closed:
            try:
                await self._begin()
                pages = self._streamed() if self._client is None else self._asked()
                try:
                    async for page in pages:
                        self._backoff.reset()
                        yield page
                finally:
                    await pages.aclose()
            except HearkenError as error:
                if self._http.is_closed:
                    return
                if not error.temporary:
                    raise
                pause = self._backoff.next(getattr(error, "retry_after", None))
                self._fail(error, pause)
            else:
                continue
            try:
                await self._http.sleep(pause)
            except HearkenError:
                return

    async def keep(self) -> None:
        """Has the node keep the position, where it does."""
        kept = self.position
        if self._client is None or kept is None or kept == self._kept:
            return
        # A bare number is a number in JSON.
        after = kept if "-" in kept else int(kept)
        headers = {"content-type": "application/json"}
        body = json.dumps({"after": after}).encode()
        await self._http.json("PUT", self._cursor(), body=body, headers=headers, timeout=_KEEPING)
        self._kept = kept

    def _cursor(self) -> str:
        return f"{self._path}/cursors/{quote(self._client or '', safe='')}"

    async def _begin(self) -> None:
        if self._begun:
            return
        if self._client is not None:
            try:
                cursor = await self._http.json("GET", self._cursor())
                self.position = self._kept = in_log(cursor.get("epoch"), cursor["after"])
                self._begun = True
                return
            except ProblemError as error:
                if error.code != "no-cursor":
                    raise
        self.position = await self._find()
        self._begun = True

    async def _find(self) -> str | None:
        """The position that the beginning means now."""
        if self._from == "first":
            return None
        if isinstance(self._from, datetime):
            query = {"since": rfc3339(self._from), "limit": 1}
            page = await self._http.json("GET", f"{self._path}/events", query=query)
            events = page["events"]
            return in_log(page["epoch"], events[0]["sequence"] - 1 if events else page["next"])
        if self._from != "new":
            return self._from
        try:
            page = await self._http.json("GET", f"{self._path}/latest", query={"limit": 1})
        except ProblemError as error:
            # The newest event cannot be read, and need not be.
            if damaged := error.problem.get("damaged"):
                return str(damaged["last"])
            raise
        return in_log(page["epoch"], page["last"])

    async def _asked(self) -> AsyncGenerator[ReadPage, None]:
        """Each page is asked for when the one before is handled, which that tells the node."""
        wait = None
        while True:
            after = self.position
            query = {**self._query, "client": self._client, "after": after, "wait": wait}
            timeout = _WAIT + self._http.timeout
            try:
                page = await self._http.json("GET", f"{self._path}/events", query=query, timeout=timeout)
            except ProblemError as error:
                damaged = _numbers(error.problem.get("damaged"))
                if damaged is None:
                    raise
                epoch = after.partition("-")[0] if after and "-" in after else None
                yield ReadPage([Item(damaged=damaged)], after, in_log(epoch, damaged.last))
                continue
            self._kept = after
            if wait is None:
                # The first tells that it can be read.
                self._opened()
            wait = f"{_WAIT}s"
            gap = _numbers(page.get("gap"))
            items = [] if gap is None else [Item(gap=gap)]
            epoch = page["epoch"]
            items += [Item(Event(event), in_log(epoch, event["sequence"])) for event in page["events"]]
            yield ReadPage(items, after, in_log(epoch, page["next"]), page["last"])

    async def _streamed(self) -> AsyncGenerator[ReadPage, None]:
        """What comes is read as fast as it is handled, and no faster."""
        position = self.position or "0"
        resumed = "-" in position
        query = {
            "after": None if resumed else position,
            "type": self._query.get("type"),
            "subject": self._query.get("subject"),
        }
        headers = {"last-event-id": position} if resumed else {}
        stream = await self._http.stream(f"{self._path}/events", query=query, headers=headers)
        pieces = stream.pieces()
        try:
            self._opened()
            async for messages in pieces:
                items = []
                next = self.position
                end = None
                for message in messages:
                    read = _read(message.data)
                    if message.event == "gap":
                        items.append(Item(gap=_numbers(read)))
                    elif message.event == "damaged":
                        items.append(Item(damaged=_numbers(read)))
                    elif message.event in _ENDS:
                        reason = (read or {}).get("reason", message.event)
                        end = HearkenError(message.event, reason, temporary=message.event != "removed")
                    else:
                        if read is not None:
                            items.append(Item(Event(read), message.id))
                        next = message.id or next
                yield ReadPage(items, self.position, next)
                if end is not None:
                    raise end
        finally:
            await pieces.aclose()
            stream.close()


def _numbers(read: dict[str, int] | None) -> Numbers | None:
    return None if read is None else Numbers(read["first"], read["last"])


def _read(data: str | None) -> Any:
    try:
        return None if data is None else json.loads(data)
    except ValueError as error:
        raise HearkenError("protocol", "a message of the stream is no JSON", temporary=True) from error
