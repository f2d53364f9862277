"""`send` and `wait`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from . import _event, _node
from ._dispatch import begin_part
from ._errors import Duration
from ._loop import Operation
from ._registry import registry
from ._values import MISSING, milliseconds, payload, rfc3339

_TEXT = (str, type(None))

#: What an event that goes out may have.
OUTGOING = ("subject", "data", "distributed", "id", "time", "datacontenttype", "extensions")


class Outgoing:
    """An event that goes out."""

    __slots__ = (
        "type", "id", "subject", "time", "datacontenttype", "data", "distributed", "channel", "extensions",
    )

    def __init__(
        self,
        call: str,
        type: str,
        subject: str | None = None,
        data: Any = MISSING,
        distributed: bool = False,
        channel: str | None = None,
        id: str | None = None,
        time: datetime | str | None = None,
        datacontenttype: str | None = None,
        extensions: dict[str, Any] | None = None,
    ) -> None:
        if not isinstance(type, str):
            raise TypeError(f'{call}: the type is a text such as "cart.added", not a {type.__class__.__name__}')
        if not (isinstance(subject, _TEXT) and isinstance(channel, _TEXT) and isinstance(id, _TEXT)):
            raise TypeError(f"{call}: `subject`, `channel` and `id` are texts")
        self.type = type
        self.id = id
        self.subject = subject
        self.time = None if time is None else rfc3339(time)
        self.data, self.datacontenttype = payload(data, datacontenttype)
        self.distributed = bool(distributed)
        self.channel = channel
        self.extensions = [(name, _extension(value)) for name, value in extensions.items()] if extensions else []


def _extension(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def send(
    type: str,
    *,
    subject: str | None = None,
    data: Any = MISSING,
    distributed: bool = False,
    channel: str | None = None,
    id: str | None = None,
    time: datetime | str | None = None,
    datacontenttype: str | None = None,
    extensions: dict[str, Any] | None = None,
) -> str:
    """Publishes an event and returns its id. It is delivered under `custom.`: `cart.added`
    arrives as `custom.cart.added`. Never waits for a listener.

    `data` is written as JSON, bytes as they are, with a `datacontenttype` of text a text as it
    is. `distributed` sends it to every node of the cluster. `channel` is a durable channel that
    it is appended to, or one of sessions that it is published to. Raises `SendError`.
    """
    registry.check_done("send")
    event = Outgoing("send", type, subject, data, distributed, channel, id, time, datacontenttype, extensions)
    if channel is not None:
        begin_part()
    return _node.current.send(event)


class Wait(Operation[_event.Event[Any]]):
    """The next event that matches."""

    __slots__ = ("_wait",)

    def __init__(self, wait: Any) -> None:
        self._wait = wait
        super().__init__(wait.subscribe())

    def _take(self) -> bool:
        self._result = self._wait.take()
        return self._result is not None

    def _close(self) -> None:
        super()._close()
        if self._wait is not None:
            self._wait.close()
            self._wait = None


def wait(
    pattern: str,
    *,
    subject: str | None = None,
    timeout: Duration = 2.0,
    channel: str | None = None,
    local_only: bool = False,
) -> Wait:
    """Begins to wait for the next event that matches: one that comes after this call. So call it
    before you send what is to be answered, and afterwards `await` it, several side by side with
    `asyncio.gather`, or take its `result()` where the handler is not `async`. Raises `WaitTimeout`
    when none has come in time, which counts towards the handler's deadline.
    """
    registry.check_done("wait")
    if not isinstance(pattern, str):
        raise TypeError(f"wait: the pattern is a text, not a {type(pattern).__name__}")
    return Wait(_node.current.wait(pattern, subject, channel, bool(local_only), milliseconds("wait", "timeout", timeout)))
