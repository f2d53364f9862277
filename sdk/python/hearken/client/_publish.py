"""Publishing: in the order in which it was asked for, and again where that does no harm."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Awaitable, Callable, Iterable, Mapping

from ._errors import HearkenError
from ._event import draft, unique_id
from ._http import Http
from ._time import Backoff, Duration, seconds

# Source of an event that has to name one and does not.
_SOURCE = "/clients/python"

# Longest that is waited in seconds until what is listened to is heard.
_SETTLING = 5.0

# Most requests that wait for those before them.
_MOST_WAITING = 10_000


class _Lane:
    """What goes to the same channel, or to none."""

    def __init__(self) -> None:
        self.waiting = 0
        self.lock = asyncio.Lock()


class Publisher:
    """What a client publishes."""

    def __init__(
        self,
        http: Http,
        backoff: Callable[[], Backoff],
        source: str | None,
        settled: Callable[[], Awaitable[None]],
    ) -> None:
        self._http = http
        self._backoff = backoff
        self._source = source
        self._settled = settled
        self._lanes: dict[str, _Lane] = {}

    async def one(self, event_type: str, attributes: dict[str, Any], expect: Any, timeout: Duration | None) -> Any:
        """Publishes one event."""
        channel = attributes.get("channel")
        event, whole = self._draft(event_type, attributes, channel)
        content_type = "application/cloudevents+json" if whole else "application/json"
        return await self._send(channel, content_type, _whole(event) if whole else event, expect, timeout)

    async def many(
        self, events: Iterable[Mapping[str, Any]], channel: str | None, expect: Any, timeout: Duration | None
    ) -> Any:
        """Publishes several, all or none."""
        batch = []
        for event in events:
            attributes = {**event, "channel": channel}
            batch.append(_whole(self._draft(attributes.pop("type", None), attributes, channel)[0]))
        if not batch:
            return []
        return await self._send(channel, "application/cloudevents-batch+json", batch, expect, timeout)

    def _draft(self, event_type: Any, attributes: dict[str, Any], channel: str | None) -> tuple[dict[str, Any], bool]:
        unknown = attributes.keys() - _ATTRIBUTES
        if unknown:
            raise TypeError(f"an event has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(_ATTRIBUTES))}")
        event, whole = draft(event_type, **attributes)
        if self._source is not None:
            event.setdefault("source", self._source)
        if channel is not None:
            # By which the channel knows it again when it is sent once more.
            event.setdefault("id", unique_id())
        return event, whole

    async def _send(
        self, channel: str | None, content_type: str, content: Any, expect: Any, timeout: Duration | None
    ) -> Any:
        headers = {"content-type": content_type}
        if expect is not None:
            headers["if-match"] = f'"{expect}"'
        body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        time = self._http.timeout if timeout is None else seconds(timeout, "a timeout")
        name = channel or ""
        lane = self._lanes.setdefault(name, _Lane())
        if lane.waiting >= _MOST_WAITING:
            raise HearkenError("overloaded", f"{_MOST_WAITING} events wait to be sent", temporary=True)
        lane.waiting += 1
        try:
            # A lock is given to who has waited longest.
            async with lane.lock:
                return await self._repeat(headers, body, time, channel is not None)
        finally:
            lane.waiting -= 1
            if lane.waiting == 0:
                self._lanes.pop(name, None)

    async def _repeat(self, headers: dict[str, str], body: bytes, time: float, keyed: bool) -> Any:
        # From its turn on: those before it are not on its account.
        loop = asyncio.get_running_loop()
        until = loop.time() + time
        # So that what was subscribed to before hears what comes of it.
        await asyncio.wait({asyncio.ensure_future(self._settled())}, timeout=min(_SETTLING, time / 2))
        backoff = self._backoff()
        while True:
            # Leaves time for another attempt, where that is possible.
            left = max(until - loop.time(), 0.001)
            timeout = max(left / 2, min(left, 1.0)) if keyed else left
            try:
                return await self._http.json("POST", "/v1/events", headers=headers, body=body, timeout=timeout)
            except HearkenError as error:
                again = error.temporary and (keyed or not error.unknown)
                pause = backoff.next(getattr(error, "retry_after", None))
                if not again or loop.time() + pause >= until:
                    raise
            await self._http.sleep(pause)


_ATTRIBUTES = frozenset(
    {"subject", "data", "distributed", "channel", "id", "source", "time", "datacontenttype", "extensions"}
)


def _whole(event: dict[str, Any]) -> dict[str, Any]:
    """An event that says all that a CloudEvent has to."""
    return {"specversion": "1.0", "id": unique_id(), "source": _SOURCE, **event}
