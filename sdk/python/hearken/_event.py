"""An event as a plugin sees it: its attributes are read from the node's bytes when they are
asked for.

The bytes are those that `hearken-wire` describes: flags of the delivery, a header of known length,
then the type, eight attributes, extensions and data, one behind the other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from ._errors import Reject
from ._values import from_json, is_json, is_text, rfc3339_of

T = TypeVar("T")
#: In the class the name is a method's.
Bytes = bytes

#: Flags of the delivery, then of the event: length, layout, flags, bytes of the type, recorded
#: time, sequence, bytes of the attributes, of the extensions, and of the data.
HEADER = struct.Struct("<IIBBHQQ8HII")
#: Of its beginning what every event is asked for: flags of the delivery, length, bytes of the type.
BEGINNING = struct.Struct("<IIxxH")
#: Bytes of the flags of the delivery, which its length does not count.
FLAG_BYTES = 4
LOCAL, CHANNEL, RETRY = 1, 2, 4
_DISTRIBUTED, _HAS_DATA, _HAS_SEQUENCE = 1, 2, 4
_LAYOUT = 1

_TYPE_BYTES, _RECORDED, _SEQUENCE, _FIRST_ATTRIBUTE = 4, 5, 6, 7
_ID, _SOURCE, _SUBJECT, _MEDIA_TYPE, _ORIGIN, _CHANNEL_NAME, _TRACEPARENT, _TRACESTATE = range(8)
_UNREAD: Any = object()


class Event(Generic[T]):
    """CloudEvents 1.0 with what Hearken adds."""

    __slots__ = ("_bytes", "_type", "_data", "_known", "_places")

    def __init__(self, every: Bytes, event_type: str) -> None:
        # One is made for each event, of which most are asked for little: no more than that here.
        self._bytes = every
        self._type = event_type
        self._data = _UNREAD
        self._known: tuple[int, ...] | None = None

    @property
    def specversion(self) -> str:
        return "1.0"

    @property
    def type(self) -> str:
        """Dotted name, e.g. `custom.cart.added`."""
        return self._type

    @property
    def id(self) -> str:
        """Unique for each `source`."""
        return self._text(_ID)

    @property
    def source(self) -> str:
        """URI reference of the publisher, e.g. `/nodes/a/plugins/cart`."""
        return self._text(_SOURCE)

    @property
    def subject(self) -> str | None:
        """The thing that the event is about."""
        return self._text(_SUBJECT) or None

    @property
    def time(self) -> str:
        """When it happened, as its producer says, else when it was recorded; RFC 3339."""
        return self._all_extensions().get("producertime") or self.recordedtime

    @property
    def recordedtime(self) -> str:
        """When the node of origin took it; RFC 3339 with milliseconds."""
        return rfc3339_of(self._header[_RECORDED])

    @property
    def datacontenttype(self) -> str:
        """Media type of the data."""
        return self._text(_MEDIA_TYPE)

    @property
    def distributed(self) -> bool:
        """Whether it is sent to every node of the cluster."""
        return bool(self._header[3] & _DISTRIBUTED)

    @property
    def origin(self) -> str:
        """Name of the node where it was published."""
        return self._text(_ORIGIN)

    @property
    def localorigin(self) -> bool:
        """Whether that is the node on which this plugin runs."""
        return bool(self._header[0] & LOCAL)

    @property
    def channel(self) -> str | None:
        """The channel that it belongs to."""
        return self._text(_CHANNEL_NAME) or None

    @property
    def sequence(self) -> int | None:
        """Its number within the channel, from 1."""
        return self._header[_SEQUENCE] if self._header[3] & _HAS_SEQUENCE else None

    @property
    def traceparent(self) -> str | None:
        return self._text(_TRACEPARENT) or None

    @property
    def tracestate(self) -> str | None:
        return self._text(_TRACESTATE) or None

    @property
    def extensions(self) -> dict[str, str]:
        """All other CloudEvents extension attributes."""
        every = dict(self._all_extensions())
        every.pop("producertime", None)
        sequence = every.pop("producersequence", None)
        if sequence is not None and self.sequence is None:
            every["sequence"] = sequence
        return every

    @property
    def data(self) -> T:
        """What its JSON says, a text, or bytes, by its media type; `None` if there is none. Read
        when it is first touched. What is not the JSON that it says rejects the event."""
        if self._data is _UNREAD:
            self._data = self._read_data()
        return self._data

    def text(self) -> str:
        """The data as text."""
        return self.bytes().decode(errors="replace")

    def bytes(self) -> Bytes:
        """The data as it is."""
        if not self._header[3] & _HAS_DATA:
            return b""
        return self._bytes[len(self._bytes) - self._header[16] :]

    def to_dict(self) -> dict[str, Any]:
        """As CloudEvents in JSON has it."""
        every = {name: getattr(self, name) for name in _NAMES}
        every = {name: value for name, value in every.items() if value is not None} | self.extensions
        if self._header[3] & _HAS_DATA:
            if isinstance(self.data, Bytes):
                import base64

                every["data_base64"] = base64.b64encode(self.data).decode()
            else:
                every["data"] = self.data
        return every

    def __repr__(self) -> str:
        return f"<Event {self.type} {self.id}>"

    @property
    def _header(self) -> tuple[int, ...]:
        if self._known is None:
            self._known = HEADER.unpack_from(self._bytes)
            self._places: list[int] | None = None
        return self._known

    def _text(self, attribute: int) -> str:
        places = self._find_places()
        return self._bytes[places[attribute] : places[attribute + 1]].decode()

    def _find_places(self) -> list[int]:
        header = self._header
        places = self._places
        if places is None:
            at = HEADER.size + header[_TYPE_BYTES]
            self._places = places = [at]
            for length in header[_FIRST_ATTRIBUTE:15]:
                at += length
                places.append(at)
        return places

    def _read_data(self) -> Any:
        header, every = self._header, self._bytes
        if not header[3] & _HAS_DATA:
            return None
        data = every[len(every) - header[16] :]
        # Its media type, behind the type and three attributes.
        at = HEADER.size + header[4] + header[7] + header[8] + header[9]
        media_type = every[at : at + header[10]].decode()
        try:
            if is_json(media_type):
                return from_json(data.decode())
            return data.decode() if is_text(media_type) else data
        except ValueError as error:
            if is_text(media_type):
                return data
            raise Reject(
                f"the data of event {self.id} (`{self.type}`) is not the {media_type} that it says: {error}"
            ) from None

    def _all_extensions(self) -> dict[str, str]:
        places = self._find_places()
        at, found = places[8], {}
        end = at + self._header[15]
        while at < end:
            name_end = at + 1 + self._bytes[at]
            value_at = name_end + 3
            value_end = value_at + int.from_bytes(self._bytes[name_end + 1 : value_at], "little")
            found[self._bytes[at + 1 : name_end].decode()] = self._bytes[value_at:value_end].decode()
            at = value_end
        return found


_NAMES = (
    "specversion", "id", "source", "type", "subject", "time", "recordedtime", "datacontenttype", "distributed",
    "origin", "localorigin", "channel", "sequence", "traceparent", "tracestate",
)


def encoded(
    *,
    type: str,
    id: str,
    source: str,
    subject: str | None,
    time: str | None,
    recorded_time: int,
    datacontenttype: str,
    data: bytes | None,
    distributed: bool,
    origin: str,
    localorigin: bool,
    channel: str | None,
    sequence: int | None,
    traceparent: str | None,
    tracestate: str | None,
    extensions: Iterable[tuple[str, str]],
) -> Event:
    """An event that is given attribute by attribute."""
    texts = [type, id, source, subject, datacontenttype, origin, channel, traceparent, tracestate]
    parts = [(text or "").encode() for text in texts]
    others = [(name, value) for name, value in extensions]
    if time is not None:
        others.append(("producertime", time))
    written = b""
    for name, value in others:
        # A producer's own number, where the event has one of its channel.
        key = b"producersequence" if name == "sequence" else name.encode()
        text = str(value).encode()
        written += bytes([len(key)]) + key + b"\x02" + len(text).to_bytes(2, "little") + text
    flags = (_DISTRIBUTED if distributed else 0) | (_HAS_DATA if data is not None else 0)
    flags |= _HAS_SEQUENCE if sequence is not None else 0
    body = b"".join(parts) + written + (data or b"")
    header = (
        LOCAL if localorigin else 0, HEADER.size - FLAG_BYTES + len(body), _LAYOUT, flags, len(parts[0]), recorded_time, sequence or 0,
        *[len(part) for part in parts[1:]], len(written), len(data or b""),
    )
    return Event(HEADER.pack(*header) + body, type)
