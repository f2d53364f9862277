"""What sessions ask, and what is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import _node
from ._errors import Disconnect, Refusal
from ._failure import told
from ._loop import to_the_end
from ._registry import registry
from ._sessions import Grant, grant
from ._values import MISSING, options, seconds_of, stored, to_json


@dataclass(slots=True)
class Session:
    """The session that asks."""

    client: str
    #: Empty for nobody.
    user: str
    #: What the node keeps of it for plugins.
    meta: Any = None


@dataclass(slots=True)
class ConnectRequest(Session):
    """Who connects."""

    transport: str = ""
    protocol: str = ""
    encoding: str = ""
    name: str = ""
    version: str = ""
    address: str = ""
    data: Any = None
    claims: Any = None
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class ChannelRequest:
    """Who subscribes to a channel, or publishes to it."""

    channel: str
    data: Any = None


@dataclass(slots=True)
class Connected:
    """Who may connect, and as whom."""

    user: str | None
    expire_at: int | None
    info: bytes | None
    data: bytes | None
    subscriptions: list[tuple[str, Grant]]
    meta: str | None


def answer(question: str, arguments: tuple[Any, ...], read: Callable[[Any], Any]) -> Any:
    """Asks the plugin; raises `Refusal` or `Disconnect` where it does not say yes."""
    function = registry.hooks.answers.get(question) if registry.hooks else None
    if function is None:
        # The node does not ask what is not answered.
        raise Refusal("method not found", code=104)
    try:
        return read(to_the_end(question, function, *arguments))
    except (Refusal, Disconnect):
        raise
    except BaseException as error:
        _node.current.log("error", "", f"{question}: {told(error)}")
        raise Refusal("internal server error", code=100, temporary=True) from None


def _allowed(value: Any) -> Any:
    """An answer of `False` refuses."""
    if value is False:
        raise Refusal("permission denied", code=103)
    return value


def _json(value: Any) -> bytes | None:
    return None if value is None else to_json(value)


def connected(value: Any) -> Connected:
    known = ("user", "expire_at", "info", "data", "subscriptions", "meta")
    given = options("connect", _allowed(value), known)
    channels = given.get("subscriptions") or {}
    if not isinstance(channels, dict):
        channels = dict.fromkeys(channels)
    meta = _json(given.get("meta"))
    return Connected(
        given.get("user"),
        seconds_of("connect", given.get("expire_at")),
        _json(given.get("info")),
        _json(given.get("data")),
        [(channel, grant("connect", said)) for channel, said in channels.items()],
        None if meta is None else meta.decode(),
    )


def refreshed(value: Any) -> tuple[int | None, bytes | None]:
    """Until when, and what others are shown."""
    given = options("refresh", _allowed(value), ("expire_at", "info"))
    return seconds_of("refresh", given.get("expire_at")), _json(given.get("info"))


def subscribed(value: Any) -> Grant:
    return grant("subscribe", _allowed(value))


def published(value: Any) -> bytes | str | None:
    """`None`: as it is; bytes: with these; a text: not at all."""
    if _allowed(value) == "handled":
        return "handled"
    data = options("publish", value, ("data",)).get("data", MISSING)
    return None if data is MISSING else stored(data)


def replied(value: Any) -> bytes:
    """What a method answers."""
    return stored(value)
