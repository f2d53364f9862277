"""From the events that a node delivers to the functions that want them."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from . import _node
from ._event import CHANNEL, HEADER, RETRY, Event
from ._failure import Failure, raised, together
from ._loop import awaited, finish, loop, to_the_end
from ._registry import Listener, registry

#: Types whose listeners are remembered; all are looked up anew when they are more.
MAX_TYPES = 1024
#: Events that are remembered because they will be tried again, the oldest giving way: as many as
#: a consumer has in flight. Of one that is forgotten all listeners are called again.
MAX_ATTEMPTED = 1024

_types: dict[bytes, tuple[str, Listener | None, list[Listener]]] = {}
_unpack = HEADER.unpack_from
#: Which listeners are done with an event of a channel, by their place; with a failure if they
#: have rejected it.
_attempted: OrderedDict[tuple[str, int, str], dict[int, Failure | None]] = OrderedDict()
#: Those that are under way: a list that stays the same.
operations = loop.operations
#: The listener that handles a channel's event, until it appends something.
_part: str | None = None


def handle(frame: bytes, tell: Callable[[Failure], None]) -> None:
    """Hands the events of a frame over, in order; tells of each that was not handled."""
    at, end = 0, len(frame)
    while at < end:
        header = _unpack(frame, at)
        type_at = at + 52
        key = frame[type_at : type_at + header[4]]
        event_type, only, wanting = _types.get(key) or _look_up(key)
        event = Event(frame, at + 4, header, event_type)
        failure = None
        if header[0] & CHANNEL:
            failure = _consume(event)
        elif only is None:
            failure = _call_live(event, wanting)
        else:
            # As `_call_live` does, for what most plugins are.
            try:
                returned = only.handler(event)
                if returned is not None:
                    awaited(only.name, returned)
            except BaseException as error:
                failure = together([(only.name, raised(error))])
            if operations:
                finish(only.name)
        if failure is not None:
            tell(failure)
        # One is this variable's, and one the call's.
        if sys.getrefcount(event) > 2:
            event._detach()
        at += 4 + header[1]


def _look_up(key: bytes) -> tuple[str, Listener | None, list[Listener]]:
    """A type, its only listener if that wants all events of it, and all its listeners."""
    if len(_types) >= MAX_TYPES:
        _types.clear()
    event_type = key.decode()
    live = [listener for listener in registry.listeners if listener.live]
    wanting = [listener for listener in live if listener.listens_to(event_type)]
    only = wanting[0] if len(wanting) == 1 and wanting[0].is_plain() else None
    _types[key] = known = event_type, only, wanting
    return known


def _call_live(event: Event[Any], wanting: list[Listener]) -> Failure | None:
    """An event that matches no filter came because the operator gave the plugin other patterns,
    so it goes to all."""
    wanting = [listener for listener in wanting if listener.wants(event)] or [
        listener for listener in registry.listeners if listener.live
    ]
    failures = []
    for listener in wanting:
        try:
            to_the_end(listener.name, listener.handler, event)
        except BaseException as error:
            failures.append((listener.name, raised(error)))
    return together(failures) if failures else None


def _consume(event: Event[Any]) -> Failure | None:
    """Those on its channel whose filters match; none if a version before asked for it. One that
    is done with it, because it has handled or rejected it before, is not called again."""
    global _part
    wanting = [
        (at, listener)
        for at, listener in enumerate(registry.listeners)
        if not listener.live
        and listener.channel == event.channel
        and listener.listens_to(event.type)
        and listener.wants(event)
    ]
    key = (event.channel or "", event.sequence or 0, event.id)
    before = _attempted.pop(key, {})
    # The first attempt may be that of a replay while the event is tried again.
    done = before if event._header[0] & RETRY else {}
    failures = []
    for at, listener in wanting:
        if at in done:
            rejected = done[at]
            if rejected is not None:
                failures.append((listener.name, rejected))
            continue
        _part = listener.name
        try:
            to_the_end(listener.name, listener.handler, event)
            done[at] = None
        except BaseException as error:
            failure = raised(error)
            failures.append((listener.name, failure))
            if failure.rejected:
                done[at] = failure
        finally:
            _part = None
    if not failures:
        return None
    failure = together(failures)
    if not failure.rejected and done:
        if len(_attempted) >= MAX_ATTEMPTED:
            _attempted.popitem(last=False)
        _attempted[key] = done
    return failure


def begin_part() -> None:
    """What a listener appends is counted for it: to be called before. The node is told at the
    first of them, since most listeners append nothing."""
    global _part
    if _part is not None:
        part, _part = _part, None
        _node.current.part(part)
