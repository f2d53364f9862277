"""`sessions`: what a plugin does with sessions of clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from . import _node
from ._registry import registry
from ._values import options, seconds_of, to_json

#: Whose sessions are meant: `{"session": …}`, `{"user": …}`, `{"subject": …}`, `{"channel": …}`,
#: `"node"` or `"all"`.
Target = dict[str, str] | str

_KINDS = ("session", "user", "subject", "channel")
_OVERRIDES = ("presence", "join_leave", "force_recovery", "force_positioning", "force_push_join_leave")
GRANT = ("info", "data", "overrides", "expire_at")


@dataclass(frozen=True, slots=True)
class Reached:
    """How many were reached."""

    #: Nodes that have answered, this one included.
    nodes: int
    sessions: int
    #: Whether there may be others on nodes that have not answered.
    partial: bool


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Somebody who is subscribed."""

    client: str
    user: str
    conn_info: Any = None
    chan_info: Any = None


@dataclass(frozen=True, slots=True)
class PresenceStats:
    clients: int
    users: int


@dataclass(frozen=True, slots=True)
class Publication:
    data: Any
    offset: int
    info: ClientInfo | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """A part of a history, and where that ends: its epoch and its offset."""

    publications: list[Publication]
    top: tuple[str, int]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a subscription is like; what is absent is as its namespace says."""

    info: bytes | None = None
    data: bytes | None = None
    overrides: dict[str, bool] = field(default_factory=dict)
    expire_at: int | None = None


def grant(call: str, value: Any) -> Grant:
    """What a dict says of a subscription."""
    given = options(call, value, GRANT)
    overrides = options(call, given.get("overrides"), _OVERRIDES)
    return Grant(
        *[None if given.get(name) is None else to_json(given[name]) for name in ("info", "data")],
        {name: bool(value) for name, value in overrides.items() if value is not None},
        seconds_of(call, given.get("expire_at")),
    )


def _target(whose: Target) -> tuple[str, str]:
    if whose in ("node", "all"):
        return str(whose), ""
    if isinstance(whose, dict) and len(whose) == 1:
        [(kind, name)] = whose.items()
        if kind in _KINDS and isinstance(name, str):
            return kind, name
    raise TypeError(
        'sessions: name whose they are by one of {"session": …}, {"user": …}, {"subject": …}, {"channel": …}, '
        f'"node" or "all", not {whose!r}'
    )


def _exclusion(call: str, but: dict[str, str] | None) -> tuple[str, str] | None:
    if but is None:
        return None
    given = options(call, but, ("session", "user"))
    if len(given) != 1:
        raise TypeError(f'{call}: `except_` is {{"session": …}} or {{"user": …}}')
    return next(iter(given.items()))


class _Sessions:
    """Does something with sessions of clients. Needs `[allow] sessions`. Raises `SessionsError`."""

    def send(self, to: Target, data: Any, *, except_: dict[str, str] | None = None) -> Reached:
        """Sends a message that is in no channel."""
        registry.check_done("sessions.send")
        return _node.current.sessions("send", _target(to), to_json(data), _exclusion("sessions.send", except_))

    def subscribe(
        self,
        whose: Target,
        channel: str,
        *,
        info: Any = None,
        data: Any = None,
        overrides: dict[str, bool] | None = None,
        expire_at: datetime | float | None = None,
    ) -> Reached:
        """Subscribes sessions to a channel; those that are already stay as they are."""
        registry.check_done("sessions.subscribe")
        given = {"info": info, "data": data, "overrides": overrides, "expire_at": expire_at}
        return _node.current.sessions("subscribe", _target(whose), channel, grant("sessions.subscribe", given))

    def unsubscribe(self, whose: Target, channel: str) -> Reached:
        registry.check_done("sessions.unsubscribe")
        return _node.current.sessions("unsubscribe", _target(whose), channel)

    def disconnect(
        self,
        whose: Target,
        *,
        code: int | None = None,
        reason: str | None = None,
        except_: dict[str, str] | None = None,
    ) -> Reached:
        """Closes sessions, with a code from 3000 to 4999; as 3503, `force disconnect`."""
        registry.check_done("sessions.disconnect")
        but = _exclusion("sessions.disconnect", except_)
        return _node.current.sessions("disconnect", _target(whose), code, reason, but)

    def refresh(self, whose: Target, *, expire_at: datetime | float | None = None) -> Reached:
        """Puts off when sessions expire; for ever, if nothing is said."""
        registry.check_done("sessions.refresh")
        return _node.current.sessions("refresh", _target(whose), seconds_of("sessions.refresh", expire_at))

    def presence(self, channel: str) -> list[ClientInfo]:
        """Who is subscribed to a channel, on all nodes."""
        return _node.current.sessions("presence", channel)

    def presence_stats(self, channel: str) -> PresenceStats:
        """How many are."""
        return _node.current.sessions("presence_stats", channel)

    def history(
        self,
        channel: str,
        *,
        since: tuple[str, int] | None = None,
        limit: int = 100,
        reverse: bool = False,
    ) -> History:
        """What was published to a channel, behind a position or from its beginning, or from its
        end backwards."""
        return _node.current.sessions("history", channel, since, limit, bool(reverse))


sessions = _Sessions()
