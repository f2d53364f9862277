"""Sessions of clients, as the module `hearken` asks for them."""

from typing import Any

from componentize_py_types import Err
from engine_world.imports import session_types
from engine_world.imports import sessions as node
from hearken._errors import SessionsError
from hearken._sessions import ClientInfo, Grant, History, PresenceStats, Publication, Reached
from hearken._values import from_client

from . import bounds

_TARGETS: dict[str, Any] = {
    "session": node.Target_Session,
    "user": node.Target_User,
    "subject": node.Target_Subject,
    "channel": node.Target_Channel,
}


def act(what: str, *arguments: Any) -> Any:
    """Does one of the functions below."""
    try:
        return _FUNCTIONS[what](*arguments)
    except Err as error:
        raise _error(error.value) from None


def _target(whose: tuple[str, str]) -> node.Target:
    kind, name = whose[0], bounds.name(whose[1])
    if kind == "node":
        return node.Target_Node()
    return node.Target_All() if kind == "all" else _TARGETS[kind](name)


def _exclusion(but: tuple[str, str] | None) -> node.Exclusion | None:
    if but is None:
        return None
    name = bounds.name(but[1])
    return node.Exclusion_Session(name) if but[0] == "session" else node.Exclusion_User(name)


def _reached(reached: node.Reached) -> Reached:
    return Reached(reached.nodes, reached.sessions, reached.partial)


def _send(to: tuple[str, str], data: bytes, but: tuple[str, str] | None) -> Reached:
    bounds.check(len(data))
    return _reached(node.send(_target(to), data, _exclusion(but)))


def _subscribe(whose: tuple[str, str], channel: str, grant: Grant) -> Reached:
    return _reached(node.subscribe(_target(whose), bounds.name(channel), granted(grant), grant.expire_at))


def _unsubscribe(whose: tuple[str, str], channel: str) -> Reached:
    return _reached(node.unsubscribe(_target(whose), bounds.name(channel)))


def _disconnect(
    whose: tuple[str, str], code: int | None, reason: str | None, but: tuple[str, str] | None
) -> Reached:
    return _reached(node.disconnect(_target(whose), code, bounds.name(reason), _exclusion(but)))


def _refresh(whose: tuple[str, str], expire_at: int | None) -> Reached:
    return _reached(node.refresh(_target(whose), expire_at))


def _presence(channel: str) -> list[ClientInfo]:
    return [_info(info) for info in node.presence(bounds.name(channel))]


def _presence_stats(channel: str) -> PresenceStats:
    count = node.presence_stats(bounds.name(channel))
    return PresenceStats(count.clients, count.users)


def _history(channel: str, since: tuple[str, int] | None, limit: int, reverse: bool) -> History:
    position = None if since is None else node.HistoryPosition(*since)
    page = node.history(bounds.name(channel), position, limit, reverse)
    publications = [
        Publication(from_client(one.data), one.offset, one.info and _info(one.info), dict(one.tags))
        for one in page.publications
    ]
    return History(publications, (page.top.epoch, page.top.offset))


def _info(info: node.ClientInfo) -> ClientInfo:
    return ClientInfo(info.client, info.user, from_client(info.conn_info), from_client(info.chan_info))


def granted(grant: Grant) -> session_types.Grant:
    """A grant as the node has it."""
    bounds.check(len(grant.info or b"") + len(grant.data or b""))
    names = ("presence", "join_leave", "force_recovery", "force_positioning", "force_push_join_leave")
    overrides = session_types.Overrides(*[grant.overrides.get(name) for name in names])
    return session_types.Grant(grant.info, grant.data, overrides)


_FUNCTIONS: dict[str, Any] = {
    "send": _send,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "disconnect": _disconnect,
    "refresh": _refresh,
    "presence": _presence,
    "presence_stats": _presence_stats,
    "history": _history,
}


def _error(why: node.SessionsError) -> SessionsError:
    match why:
        case node.SessionsError_Off():
            return SessionsError("off", "the node has no sessions; see `[sessions]` of its configuration")
        case node.SessionsError_Denied(text):
            return SessionsError("denied", text)
        case node.SessionsError_Invalid(text):
            return SessionsError("invalid", text)
        case node.SessionsError_UnknownChannel():
            return SessionsError("unknown-channel", "there is no such channel")
        case node.SessionsError_NotAvailable():
            return SessionsError("not-available", "the channel has no such thing")
        case node.SessionsError_AnotherEpoch():
            return SessionsError("another-epoch", "the position is of another epoch than the history")
    return SessionsError("budget-exceeded", "the plugin's budget is used up; try again later")
