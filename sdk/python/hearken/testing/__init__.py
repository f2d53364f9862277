"""Tests of plugins without a node: import the plugin's file, hand it events, and look at what it
has done.

    from hearken.testing import deliver, event
    import restock

    def test_it_says_that_stock_is_low(host):
        host.config["limit"] = "5"
        deliver(event("custom.cart.added", subject="tea", data={"quantity": 6}))
        assert [sent.subject for sent in host.sent] == ["tea"]

With pytest the fixture `host` is there once the package is installed; it begins anew for each
test.
"""

from __future__ import annotations

from typing import Any

from .. import _node
from .._event import Event
from .._loop import to_the_end
from .._registry import Hooks, Listener, registry
from ._events import event
from ._host import Host, host
from ._fake import FakeNode

__all__ = ["Host", "deliver", "deliver_from_channel", "event", "hooks", "host", "listeners"]

_node.current = FakeNode(host)


def listeners() -> list[Listener]:
    """What the files under test listen to."""
    return list(registry.listeners)


def hooks() -> Hooks | None:
    """What answers sessions."""
    return registry.hooks


def deliver(event: Event[Any]) -> None:
    """Gives an event to each live listener that it is meant for; raises what they raise."""
    _call([one for one in registry.listeners if one.live and one.listens_to(event.type) and one.wants(event)], event)


def deliver_from_channel(event: Event[Any]) -> None:
    """Gives an event of a channel to the listeners on it. What they append without ids of their
    own is stored once, however often that is done."""
    if event.channel is None:
        raise TypeError("the event is in no channel; event(type, channel=…, sequence=…)")
    meant = [
        one
        for one in registry.listeners
        if not one.live and one.channel == event.channel and one.listens_to(event.type) and one.wants(event)
    ]
    try:
        _call(meant, event, handling=True)
    finally:
        host.handling = None


def _call(meant: list[Listener], event: Event[Any], handling: bool = False) -> None:
    errors = []
    for listener in meant:
        if handling:
            host.handling = (f"{event.channel}/test/{event.sequence or 1}/plugin/{listener.name}", 0)
        try:
            to_the_end(listener.name, listener.handler, event)
        except Exception as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup("several listeners failed", errors)
