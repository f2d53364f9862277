"""Values of a plugin, and what they are outside."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from json.encoder import c_make_encoder, encode_basestring
from typing import Any

from ._errors import Duration

#: Stands for what was not given, where `None` is something.
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "...", "__bool__": lambda self: False})()

_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

_scan = json.JSONDecoder().scan_once
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
#: Objects that are being written, by which circles are found.
_written: dict[int, Any] = {}
#: What the encoder would make anew for each value, where CPython has it.
_encode = c_make_encoder and c_make_encoder(
    _written, _encoder.default, encode_basestring, None, ":", ",", False, False, False
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def from_json(text: str) -> Any:
    """What JSON says. The scanner is asked without the search for blanks around it."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return json.loads(text)
    return value if end == len(text) else json.loads(text)


def to_json(value: Any) -> bytes:
    if _encode is None:
        return _encoder.encode(value).encode()
    try:
        return "".join(_encode(value, 0)).encode()
    except BaseException:
        _written.clear()
        raise


def is_json(media_type: str) -> bool:
    if media_type == "application/json":
        return True
    essence = media_type.partition(";")[0].strip().lower()
    return essence in ("", "application/json") or essence.endswith("+json")


def is_text(media_type: str) -> bool:
    essence = media_type.partition(";")[0].strip().lower()
    return essence.startswith("text/") or essence.endswith(("/xml", "+xml"))


def payload(data: Any, media_type: str | None) -> tuple[bytes | None, str | None]:
    """The bytes of data that are handed over, and their media type where that is not JSON."""
    if data is MISSING:
        return None, media_type
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data), media_type or "application/octet-stream"
    if isinstance(data, str) and media_type is not None and not is_json(media_type):
        return data.encode(), media_type
    return to_json(data), media_type


def stored(value: Any) -> bytes:
    """Bytes as they are, all else as JSON."""
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else to_json(value)


def from_client(data: bytes | str | None) -> Any:
    """What the JSON of a client says, or the bytes where it is none; `None` of nothing."""
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return data


def milliseconds(call: str, option: str, value: Duration) -> int:
    """A span of time: seconds, a text such as `500ms` or `1.5m`, or a `timedelta`."""
    span: float | None = None
    if isinstance(value, timedelta):
        span = value.total_seconds() * 1000
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        span = value * 1000
    elif isinstance(value, str) and (match := _SPAN.fullmatch(value)):
        span = float(match[1]) * _MILLISECONDS[match[2]]
    if span is None or not 0 <= span < 2**53:
        raise TypeError(f'{call}: `{option}` is a number of seconds, or a time such as "2s" or "500ms", not {value!r}')
    return int(-(-span // 1))


def rfc3339(moment: datetime | str) -> str:
    """A moment as events have it."""
    if isinstance(moment, str):
        return moment
    if moment.tzinfo is None:
        raise TypeError("a time without a time zone may be any; say datetime.now(timezone.utc)")
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def rfc3339_of(milliseconds: int) -> str:
    """Milliseconds since the Unix epoch."""
    try:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return "9999-12-31T23:59:59.999Z"
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03}Z"


def seconds_of(call: str, moment: datetime | int | float | None) -> int | None:
    """When something ends, in seconds since the Unix epoch."""
    if moment is None:
        return None
    if isinstance(moment, datetime):
        return int(moment.timestamp())
    if isinstance(moment, (int, float)) and not isinstance(moment, bool) and moment >= 0:
        return int(moment)
    raise TypeError(f"{call}: `expire_at` is a datetime, or seconds since the Unix epoch, not {moment!r}")


def options(call: str, value: Any, known: tuple[str, ...]) -> dict[str, Any]:
    """A dict in which nothing is that nobody reads; empty for `None` and `True`."""
    if value is None or value is True:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"{call}: it is a dict with {', '.join(known)}, not a {type(value).__name__}")
    for name in value:
        if name not in known:
            raise TypeError(f"{call}: there is no `{name}`; there are {', '.join(known)}")
    return value
