"""The node as the module `hearken` calls it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from componentize_py_types import Err
from engine_world.imports import (
    atomics,
    batch,
    channels,
    events,
    monotonic_clock,
    poll,
    progress,
    reveal,
    waiting,
    wasi_config_store,
    wasi_keyvalue_store,
    wasmcloud_secrets_store,
)
from engine_world.imports import hearken_plugin_types as types
from hearken import _channels
from hearken._errors import ConfigError, KeyValueError, SecretError, SendError, WaitError, WaitTimeout
from hearken._event import Event, encoded
from hearken._publishing import Outgoing
from hearken._values import rfc3339_of

from . import bounds, errors, output
from .requests import Request
from .sessions import act

NANOSECONDS = 1_000_000_000


class Node:
    """Each call is one of the component's imports; what they refuse is raised."""

    log = staticmethod(output.log)
    poll = staticmethod(poll.poll)
    sessions = staticmethod(act)

    def timer(self, seconds: float) -> poll.Pollable:
        return monotonic_clock.subscribe_duration(int(seconds * NANOSECONDS))

    def part(self, name: str) -> None:
        progress.part(bounds.beginning(name, bounds.MAX_REASON))

    def send(self, event: Outgoing) -> str:
        try:
            # It has the fields of one, and is not made twice.
            bounds.check(_size(event))
            return events.send(cast(types.OutgoingEvent, event))
        except Err as error:
            why = error.value
        match why:
            case events.SendError_Invalid(text):
                raise SendError("invalid", f"the event was not sent: {text}")
            case events.SendError_TooLarge(limit):
                message = f"the event was not sent: it is larger than the node's limit of {limit} bytes"
                raise SendError("too-large", message)
            case events.SendError_Channel(error):
                raise errors.append_error(event.channel or "", error)
        raise SendError("budget-exceeded", "the event was not sent: the plugin's budget is used up; try again later")

    def wait(self, pattern: str, subject: str | None, channel: str | None, local_only: bool, timeout: int) -> "_Wait":
        name = bounds.name
        filter = types.Filter(name(pattern), name(subject), name(channel), local_only)
        try:
            return _Wait(waiting.start(filter, timeout), pattern, timeout)
        except Err as error:
            raise _wait_error(error.value, pattern, timeout) from None

    def append(self, channel: str, what: list[Outgoing], expect: int | None) -> list[_channels.Stored]:
        bounds.check_all([_size(event) for event in what])
        try:
            stored = channels.append(bounds.name(channel), cast(list[types.OutgoingEvent], what), expect)
        except Err as error:
            raise errors.append_error(channel, error.value) from None
        return [
            _channels.Stored(one.id, one.sequence, one.epoch, rfc3339_of(one.recorded_time), one.duplicate)
            for one in stored
        ]

    def read(self, channel: str, after: _channels.Position, limit: int) -> _channels.Page:
        try:
            page = channels.read(bounds.name(channel), channels.Position(after.epoch, after.sequence), limit)
        except Err as error:
            raise errors.read_error(channel, error.value) from None
        gap = None if page.gap is None else (page.gap.first, page.gap.last)
        next = _channels.Position(page.next, page.epoch)
        return _channels.Page([_event(event) for event in page.events], next, page.last, page.epoch, gap)

    def bounds(self, channel: str) -> _channels.Bounds:
        try:
            reach = channels.bounds(bounds.name(channel))
        except Err as error:
            raise errors.read_error(channel, error.value) from None
        return _channels.Bounds(reach.epoch, reach.first, reach.last)

    def config(self, key: str) -> str | None:
        with _config():
            return wasi_config_store.get(bounds.name(key))

    def config_all(self) -> list[tuple[str, str]]:
        with _config():
            return wasi_config_store.get_all()

    def secret(self, key: str) -> str | bytes:
        try:
            secret = wasmcloud_secrets_store.get(bounds.name(key))
        except Err as error:
            if isinstance(error.value, wasmcloud_secrets_store.SecretsError_NotFound):
                message = f"there is no secret `{key}`; name it in `[secrets]` of the manifest"
                raise SecretError("not-found", message) from None
            raise SecretError("unavailable", f"the secret `{key}` cannot be read: {error.value.value}") from None
        return reveal.reveal(secret).value

    def bucket(self, name: str) -> "_Bucket":
        with _keyvalue():
            return _Bucket(wasi_keyvalue_store.open(bounds.name(name)))

    def request(
        self, scheme: str, authority: str, path: str, *, method: str, headers: Any, body: bytes | None
    ) -> Request:
        return Request(scheme, authority, path, method, headers, body)


def _size(event: Outgoing) -> int:
    """Bytes of an event that goes out, names and all, which are checked."""
    of = bounds.size
    size = bounds.EVENT + of(event.type) + of(event.id) + of(event.subject) + of(event.time)
    size += of(event.datacontenttype) + of(event.channel)
    if event.data is not None:
        size += len(event.data)
    for key, value in event.extensions:
        size += of(key) + of(value) + bounds.ENTRY
    return size


def _event(event: types.Event) -> Event[Any]:
    return encoded(
        type=event.type,
        id=event.id,
        source=event.source,
        subject=event.subject,
        time=event.time,
        recorded_time=event.recorded_time,
        datacontenttype=event.datacontenttype,
        data=event.data or None,
        distributed=event.distributed,
        origin=event.origin,
        localorigin=event.localorigin,
        channel=event.channel,
        sequence=event.sequence,
        traceparent=event.traceparent,
        tracestate=event.tracestate,
        extensions=event.extensions,
    )


class _Wait:
    """A wait that has begun."""

    def __init__(self, wait: waiting.Wait, pattern: str, timeout: int) -> None:
        self._wait = wait
        self._pattern = pattern
        self._timeout = timeout
        self.subscribe = wait.subscribe

    def take(self) -> Event[Any] | None:
        taken = self._wait.take()
        if taken is None:
            return None
        if isinstance(taken, Err):
            raise _wait_error(taken.value, self._pattern, self._timeout)
        return _event(taken.value)

    def close(self) -> None:
        self._wait.__exit__(None, None, None)


def _wait_error(why: events.WaitError, pattern: str, timeout: int) -> Exception:
    if isinstance(why, events.WaitError_TimedOut):
        return WaitTimeout("timed-out", f"no event `{pattern}` came within {timeout} ms")
    return WaitError("invalid", f"nothing is waited for: {why.value}")


@contextmanager
def _config() -> Iterator[None]:
    try:
        yield
    except Err as error:
        raise ConfigError("unavailable", f"the configuration cannot be read: {error.value.value}") from None


@contextmanager
def _keyvalue() -> Iterator[None]:
    try:
        yield
    except Err as error:
        raise _keyvalue_error(error.value) from None


def _keyvalue_error(why: wasi_keyvalue_store.Error) -> KeyValueError:
    if isinstance(why, wasi_keyvalue_store.Error_NoSuchStore):
        return KeyValueError("no-such-store", "there is no such bucket in the key-value store")
    if isinstance(why, wasi_keyvalue_store.Error_AccessDenied):
        message = "access to the bucket is denied; grant it with `[allow] keyvalue` in the manifest"
        return KeyValueError("denied", message)
    return KeyValueError("failed", f"the key-value store failed: {why.value}")


class _Bucket:
    """An open bucket."""

    def __init__(self, bucket: wasi_keyvalue_store.Bucket) -> None:
        self._bucket = bucket

    def get(self, key: str) -> bytes | None:
        with _keyvalue():
            return self._bucket.get(bounds.name(key))

    def set(self, key: str, value: bytes) -> None:
        bounds.check(len(value))
        with _keyvalue():
            self._bucket.set(bounds.name(key), value)

    def delete(self, key: str) -> None:
        with _keyvalue():
            self._bucket.delete(bounds.name(key))

    def exists(self, key: str) -> bool:
        with _keyvalue():
            return self._bucket.exists(bounds.name(key))

    def list_keys(self, next: int | None) -> tuple[list[str], int | None]:
        with _keyvalue():
            page = self._bucket.list_keys(next)
        return page.keys, page.cursor

    def increment(self, key: str, by: int) -> int:
        with _keyvalue():
            return atomics.increment(self._bucket, bounds.name(key), by)

    def get_many(self, keys: list[str]) -> list[tuple[str, bytes]]:
        bounds.check_all([bounds.size(key) for key in keys])
        with _keyvalue():
            return [found for found in batch.get_many(self._bucket, keys) if found is not None]

    def set_many(self, entries: list[tuple[str, bytes]]) -> None:
        bounds.check_all([bounds.size(key) + len(value) for key, value in entries])
        with _keyvalue():
            batch.set_many(self._bucket, entries)

    def delete_many(self, keys: list[str]) -> None:
        bounds.check_all([bounds.size(key) for key in keys])
        with _keyvalue():
            batch.delete_many(self._bucket, keys)
