"""The component as what answers sessions."""

from typing import Any

from componentize_py_types import Err
from engine_world.exports import session_hooks as asked
from hearken import _hooks
from hearken._errors import Disconnect, Refusal
from hearken._registry import QUESTIONS, registry
from hearken._values import from_client

from . import bounds, output, start
from .sessions import granted

_QUESTIONS = dict(zip(QUESTIONS, asked.Question))


class SessionHooks:
    def describe(self) -> asked.HooksDescription:
        start.ensure()
        hooks = registry.hooks
        if hooks is None:
            return asked.HooksDescription(start.version, [], [])
        answers = [question for name, question in _QUESTIONS.items() if name in hooks.answers]
        return asked.HooksDescription(start.version, answers, hooks.namespaces)

    def connect(self, request: asked.ConnectRequest) -> asked.Connected:
        return _answer("connect", (_connecting(request),), _connected)

    def refresh(self, session: asked.Session, token: str | None) -> asked.Refreshed:
        return _answer("refresh", (_session(session), token), _refreshed)

    def subscribe(self, session: asked.Session, request: asked.SubscribeRequest) -> asked.Subscribed:
        about = _hooks.ChannelRequest(request.channel, from_client(request.data))
        return _answer("subscribe", (_session(session), about), _subscribed)

    def sub_refresh(self, session: asked.Session, channel: str) -> asked.Refreshed:
        return _answer("sub_refresh", (_session(session), channel), _refreshed)

    def publish(self, session: asked.Session, request: asked.PublishRequest) -> asked.Published:
        about = _hooks.ChannelRequest(request.channel, from_client(request.data))
        return _answer("publish", (_session(session), about), _published)

    def rpc(self, session: asked.Session, method: str, data: bytes) -> bytes:
        return _answer("rpc", (_session(session), method, from_client(data)), _replied)


def _answer(question: str, arguments: tuple[Any, ...], read: Any) -> Any:
    try:
        return _hooks.answer(question, arguments, read)
    except Refusal as refusal:
        message = bounds.beginning(refusal.message, bounds.MAX_REASON)
        said = asked.RefusedWith(refusal.code, message, refusal.temporary)
        raise Err(asked.Refusal_Error(said)) from None
    except Disconnect as disconnect:
        said = asked.DisconnectedWith(disconnect.code, bounds.beginning(disconnect.reason, bounds.MAX_REASON))
        raise Err(asked.Refusal_Disconnect(said)) from None
    finally:
        output.flush()


def _connected(value: Any) -> asked.Connected:
    said = _hooks.connected(value)
    sizes = [len(part or b"") for part in (said.info, said.data, said.meta)]
    for channel, grant in said.subscriptions:
        sizes.append(bounds.size(channel) + len(grant.info or b"") + len(grant.data or b""))
    bounds.check_all(sizes)
    subscriptions = [(bounds.name(channel), granted(grant)) for channel, grant in said.subscriptions]
    return asked.Connected(bounds.name(said.user), said.expire_at, said.info, said.data, subscriptions, said.meta)


def _refreshed(value: Any) -> asked.Refreshed:
    expire_at, info = _hooks.refreshed(value)
    bounds.check(len(info or b""))
    return asked.Refreshed(expire_at, info)


def _subscribed(value: Any) -> asked.Subscribed:
    grant = _hooks.subscribed(value)
    return asked.Subscribed(granted(grant), grant.expire_at)


def _published(value: Any) -> asked.Published:
    said = _hooks.published(value)
    if said is None:
        return asked.Published_Unchanged()
    if isinstance(said, str):
        return asked.Published_Handled()
    bounds.check(len(said))
    return asked.Published_Changed(said)


def _replied(value: Any) -> bytes:
    reply = _hooks.replied(value)
    bounds.check(len(reply))
    return reply


def _session(session: asked.Session) -> _hooks.Session:
    return _hooks.Session(session.client, session.user, from_client(session.meta))


def _connecting(request: asked.ConnectRequest) -> _hooks.ConnectRequest:
    session = request.session
    return _hooks.ConnectRequest(
        session.client,
        session.user,
        from_client(session.meta),
        request.transport,
        request.protocol,
        request.encoding,
        request.name,
        request.version,
        request.address,
        from_client(request.data),
        from_client(request.claims),
        request.token,
        dict(request.headers),
    )
