"""The node of tests: all that it is asked for is done in the host."""

from __future__ import annotations

import time
from typing import Any

from .. import _pattern
from .._channels import Bounds, Page, Position, Stored
from .._errors import AppendError, FetchError, ReadError, SecretError, WaitTimeout
from .._event import Event
from .._publishing import Outgoing
from .._sessions import History, PresenceStats, Reached
from ._events import event
from ._host import Host


class _Ready:
    """Something that need not be waited for, or only until a moment."""

    def __init__(self, due: float = 0.0) -> None:
        self.due = due

    def __exit__(self, *_: object) -> None:
        pass


class FakeNode:
    def __init__(self, host: Host) -> None:
        self._host = host

    def log(self, level: str, context: str, message: str) -> None:
        self._host.logged.append((level, message))

    def part(self, name: str) -> None:
        pass

    def timer(self, seconds: float) -> _Ready:
        return _Ready(time.monotonic() + seconds)

    def poll(self, pollables: list[_Ready]) -> list[int]:
        first = min(pollable.due for pollable in pollables)
        time.sleep(max(first - time.monotonic(), 0.0))
        return [at for at, pollable in enumerate(pollables) if pollable.due <= first]

    def send(self, outgoing: Outgoing) -> str:
        sent = _event(outgoing)
        if outgoing.channel in self._host.channels:
            return self._store(outgoing.channel, sent, outgoing.id).id
        self._host.sent.append(sent)
        return sent.id

    def wait(self, pattern: str, subject: str | None, channel: str | None, local_only: bool, timeout: int) -> _Wait:
        return _Wait(self._host, pattern, subject, channel, local_only)

    def append(self, channel: str, what: list[Outgoing], expect: int | None) -> list[Stored]:
        last = len(self._channel(channel, AppendError))
        if expect is not None and expect != last:
            message = f"the last event of the channel has the number {last}, not the expected one"
            raise AppendError("conflict", message, last)
        return [self._store(channel, _event(outgoing), outgoing.id) for outgoing in what]

    def _channel(self, name: str, error: Any) -> list[Event[Any]]:
        if name not in self._host.channels:
            raise error("no-channel", f"there is no channel `{name}`; host.channels[{name!r}] = []")
        return self._host.channels[name]

    def _store(self, name: str, appended: Event[Any], given: str | None) -> Stored:
        """Stores an event once, if it has an id or is of an event of a channel."""
        events = self._channel(name, AppendError)
        if given is None and self._host.handling is not None:
            beginning, count = self._host.handling
            self._host.handling = beginning, count + 1
            given = f"{beginning}/{count + 1}"
        before = next((one for one in events if one.id == given), None)
        if before is None:
            before = _placed(appended, name, len(events) + 1, given or appended.id)
            events.append(before)
            return Stored(before.id, len(events), "test", before.recordedtime, False)
        return Stored(before.id, before.sequence or 0, "test", before.recordedtime, True)

    def read(self, channel: str, after: Position, limit: int) -> Page:
        every = self._channel(channel, ReadError)
        events = every[after.sequence : after.sequence + limit]
        return Page(events, Position(after.sequence + len(events), "test"), len(every), "test")

    def bounds(self, channel: str) -> Bounds:
        return Bounds("test", 1, len(self._channel(channel, ReadError)))

    def config(self, key: str) -> str | None:
        return self._host.config.get(key)

    def config_all(self) -> list[tuple[str, str]]:
        return list(self._host.config.items())

    def secret(self, key: str) -> str | bytes:
        if key not in self._host.secrets:
            raise SecretError("not-found", f"there is no secret `{key}`; host.secrets[{key!r}] = …")
        return self._host.secrets[key]

    def bucket(self, name: str) -> _Bucket:
        return _Bucket(self._host.buckets.setdefault(name, {}))

    def sessions(self, what: str, *given: Any) -> Any:
        if what == "presence":
            return []
        if what == "presence_stats":
            return PresenceStats(0, 0)
        if what == "history":
            return History([], ("test", 0))
        self._host.sessions.append((what, *given))
        return Reached(1, 1, False)

    def request(
        self, scheme: str, authority: str, path: str, *, method: str, headers: Any, body: bytes | None
    ) -> _Request:
        url = f"{scheme}://{authority}{path}"
        self._host.requests.append((method, url, body))
        if url not in self._host.responses:
            raise FetchError("no-response", f"fetch: nothing answers {url}; host.respond({url!r}, …)")
        return _Request(self._host.responses[url])


def _event(outgoing: Outgoing) -> Event[Any]:
    prefix = "" if outgoing.type.startswith("custom.") else "custom."
    content = {} if outgoing.data is None else {"data": outgoing.data}
    return event(
        prefix + outgoing.type,
        **content,
        id=outgoing.id,
        subject=outgoing.subject,
        time=outgoing.time,
        datacontenttype=outgoing.datacontenttype or "application/json",
        distributed=outgoing.distributed,
        channel=outgoing.channel,
        extensions=dict(outgoing.extensions),
    )


def _placed(appended: Event[Any], channel: str, sequence: int, id: str) -> Event[Any]:
    content = {} if appended.to_dict().keys().isdisjoint({"data", "data_base64"}) else {"data": appended.bytes()}
    return event(
        appended.type,
        **content,
        id=id,
        subject=appended.subject,
        time=appended.time,
        datacontenttype=appended.datacontenttype,
        channel=channel,
        sequence=sequence,
        extensions=appended.extensions,
    )


class _Wait:
    def __init__(self, host: Host, pattern: str, subject: str | None, channel: str | None, local_only: bool) -> None:
        self._host = host
        self._pattern = pattern
        self._matches = _pattern.compile(pattern)
        self._filter = subject, channel, local_only

    def subscribe(self) -> _Ready:
        return _Ready()

    def take(self) -> Event[Any]:
        subject, channel, local_only = self._filter
        for at, answer in enumerate(self._host.answers):
            if (
                self._matches(answer.type)
                and subject in (None, answer.subject)
                and (channel is None or _pattern.wants_channel(channel, answer.channel))
                and (answer.localorigin or not local_only)
            ):
                return self._host.answers.pop(at)
        raise WaitTimeout("timed-out", f"no event `{self._pattern}` came; answer it by host.answer(event(…))")

    def close(self) -> None:
        pass


class _Bucket:
    def __init__(self, values: dict[str, bytes]) -> None:
        self._values = values
        self.get = values.get

    def set(self, key: str, value: bytes) -> None:
        self._values[key] = value

    def delete(self, key: str) -> None:
        self._values.pop(key, None)

    def exists(self, key: str) -> bool:
        return key in self._values

    def list_keys(self, next: int | None) -> tuple[list[str], int | None]:
        return list(self._values), None

    def increment(self, key: str, by: int) -> int:
        total = int(self._values.get(key, b"0")) + by
        self._values[key] = str(total).encode()
        return total

    def get_many(self, keys: list[str]) -> list[tuple[str, bytes]]:
        return [(key, self._values[key]) for key in keys if key in self._values]

    def set_many(self, entries: list[tuple[str, bytes]]) -> None:
        self._values.update(entries)

    def delete_many(self, keys: list[str]) -> None:
        for key in keys:
            self.delete(key)


class _Request:
    def __init__(self, response: Any) -> None:
        self._response = response
        self._chunks = [response.bytes()] if response.bytes() else []

    def subscribe(self) -> _Ready:
        return _Ready()

    def get(self) -> tuple[int, list[tuple[str, str]]]:
        return self._response.status, list(self._response.headers.items())

    def read(self) -> bytes | None:
        return self._chunks.pop() if self._chunks else None

    def close(self) -> None:
        pass
