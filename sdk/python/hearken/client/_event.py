"""Events as programs are given them, with the attributes that plugins know."""

from __future__ import annotations

import base64
import json
import re
import secrets
from datetime import datetime, timezone
from typing import Any, Mapping

_KNOWN = frozenset({
    "specversion", "id", "source", "type", "subject", "time", "recordedtime", "datacontenttype", "distributed",
    "origin", "localorigin", "channel", "sequence", "traceparent", "tracestate", "data", "data_base64",
})
_JSON = re.compile(r"application/json\b|.*\+json\b")

#: Where there is no data, which is something else than ``null``.
NOTHING: Any = type("Nothing", (), {"__repr__": lambda _: "…", "__slots__": ()})()


class Event:
    """An event that the node has sent: CloudEvents 1.0 with what Hearken adds."""

    __slots__ = ("_json", "_bytes")

    def __init__(self, attributes: dict[str, Any]) -> None:
        self._json = attributes
        self._bytes: bytes | None = None

    @property
    def specversion(self) -> str:
        """``"1.0"``."""
        return self._json["specversion"]

    @property
    def id(self) -> str:
        """Unique for each ``source``."""
        return self._json["id"]

    @property
    def source(self) -> str:
        """URI reference of the publisher, e.g. ``/nodes/a/plugins/cart``."""
        return self._json["source"]

    @property
    def type(self) -> str:
        """Dotted name, e.g. ``custom.cart.added``."""
        return self._json["type"]

    @property
    def subject(self) -> str | None:
        """The thing that the event is about."""
        return self._json.get("subject")

    @property
    def time(self) -> str:
        """When it happened, as its producer says, else when it was recorded; RFC 3339."""
        return self._json["time"]

    @property
    def recordedtime(self) -> str:
        """When the node of origin took it; RFC 3339 with milliseconds."""
        return self._json["recordedtime"]

    @property
    def datacontenttype(self) -> str:
        """Media type of the data."""
        return self._json.get("datacontenttype", "application/json")

    @property
    def data(self) -> Any:
        """The data: what its JSON says, a text if it is that, else bytes; ``None`` if there is none."""
        if "data_base64" in self._json:
            return self.bytes()
        return self._json.get("data")

    def text(self) -> str:
        """The data as text."""
        if "data_base64" in self._json:
            return self.bytes().decode("utf-8", "replace")
        if "data" not in self._json:
            return ""
        data = self._json["data"]
        if isinstance(data, str) and not _JSON.match(self.datacontenttype):
            return data
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))

    def bytes(self) -> bytes:
        """The data as bytes."""
        if "data_base64" not in self._json:
            return self.text().encode()
        if self._bytes is None:
            self._bytes = base64.b64decode(self._json["data_base64"])
        return self._bytes

    @property
    def distributed(self) -> bool:
        """Whether it is sent to every node of the cluster."""
        return self._json.get("distributed", False)

    @property
    def origin(self) -> str:
        """Name of the node where it was published."""
        return self._json.get("origin", "")

    @property
    def localorigin(self) -> bool:
        """Whether that is the node that has sent it."""
        return self._json.get("localorigin", False)

    @property
    def channel(self) -> str | None:
        """The channel that it belongs to."""
        return self._json.get("channel")

    @property
    def sequence(self) -> int | None:
        """Its number within the channel, from 1."""
        return self._json.get("sequence")

    @property
    def traceparent(self) -> str | None:
        """W3C trace context."""
        return self._json.get("traceparent")

    @property
    def tracestate(self) -> str | None:
        """W3C trace context."""
        return self._json.get("tracestate")

    @property
    def extensions(self) -> dict[str, Any]:
        """All other CloudEvents extension attributes."""
        return {name: value for name, value in self._json.items() if name not in _KNOWN}

    def to_dict(self) -> dict[str, Any]:
        """As CloudEvents in JSON."""
        return self._json

    def __repr__(self) -> str:
        subject = f" subject={self.subject!r}" if self.subject is not None else ""
        return f"<Event {self.type} id={self.id!r}{subject}>"


def draft(
    event_type: str,
    *,
    data: Any = NOTHING,
    time: datetime | str | None = None,
    extensions: Mapping[str, Any] | None = None,
    **attributes: Any,
) -> tuple[dict[str, Any], bool]:
    """What is to be published, and whether it says more than the node's shorthand can."""
    if not isinstance(event_type, str) or not event_type:
        raise TypeError('an event has a type, a text such as "cart.added"')
    whole = time is not None or bool(extensions) or attributes.get("datacontenttype") is not None
    event = {**(extensions or {}), "type": event_type}
    event.update((name, value) for name, value in attributes.items() if value is not None)
    if time is not None:
        event["time"] = rfc3339(time) if isinstance(time, datetime) else time
    if isinstance(data, (bytes, bytearray, memoryview)):
        event.setdefault("datacontenttype", "application/octet-stream")
        event["data_base64"] = base64.b64encode(data).decode()
        whole = True
    elif data is not NOTHING:
        event["data"] = data
    return event, whole


def rfc3339(time: datetime) -> str:
    """A time as text; one without a zone is local, as everywhere in Python."""
    return time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def unique_id() -> str:
    """An id that nobody else makes: 128 random bits."""
    return secrets.token_hex(16)
