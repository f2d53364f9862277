"""Events as handlers are given them, made by hand."""

from __future__ import annotations

import time as clock
from datetime import datetime
from itertools import count
from typing import Any

from .._event import Event, encoded
from .._values import MISSING, payload, rfc3339

_made = count(1)


def event(
    type: str,
    *,
    data: Any = MISSING,
    subject: str | None = None,
    id: str | None = None,
    source: str = "/tests",
    time: datetime | str | None = None,
    datacontenttype: str | None = None,
    distributed: bool = False,
    origin: str = "test",
    localorigin: bool = True,
    channel: str | None = None,
    sequence: int | None = None,
    traceparent: str | None = None,
    tracestate: str | None = None,
    extensions: dict[str, str] | None = None,
) -> Event[Any]:
    """An event as it is delivered; what is not said of it is usual."""
    content, media_type = payload(data, datacontenttype)
    return encoded(
        type=type,
        id=id or f"event-{next(_made)}",
        source=source,
        subject=subject,
        time=None if time is None else rfc3339(time),
        recorded_time=int(clock.time() * 1000),
        datacontenttype=media_type or "application/json",
        data=content,
        distributed=distributed,
        origin=origin,
        localorigin=localorigin,
        channel=channel,
        sequence=sequence,
        traceparent=traceparent,
        tracestate=tracestate,
        extensions=(extensions or {}).items(),
    )
