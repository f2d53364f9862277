"""From the events that a node delivers to the functions that want them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from . import _node
from ._event import BEGINNING, CHANNEL, FLAG_BYTES, HEADER, RETRY, Event
from ._failure import Failure, raised, together
from ._loop import awaited, finish, loop, to_the_end
from ._registry import Listener, registry

#: Types whose listeners are remembered; all are looked up anew when they are more.
MAX_TYPES = 1024
#: Events that are remembered because they will be tried again, the oldest giving way: as many as
#: a consumer has in flight. Of one that is forgotten all listeners are called again.
MAX_ATTEMPTED = 1024

_types: dict[bytes, tuple[str, Callable[[Any], Any] | None, list[Listener]]] = {}
_begin = BEGINNING.unpack_from
_TYPE = HEADER.size
#: Which listeners are done with an event of a channel, by their place; with a failure if they
#: have rejected it.
_attempted: OrderedDict[tuple[str, int, str], dict[int, Failure | None]] = OrderedDict()
#: Those that are under way: a list that stays the same.
operations = loop.operations
#: The listener that handles a channel's event, until it appends something.
_part: str | None = None


def handle(frame: bytes, tell: Callable[[Failure], None], goes_on: Callable[[], bool]) -> None:
    """Hands the events of a frame over, in order, for as long as the node has it go on; tells of
    each that was not handled."""
    at, end = 0, len(frame)
    while True:
        flags, size, type_bytes = _begin(frame, at)
        next_at = at + FLAG_BYTES + size
        # Its own bytes: who keeps an event does not keep all others of the frame.
        own = frame if next_at - at == end else frame[at:next_at]
        key = own[_TYPE : _TYPE + type_bytes]
        event_type, handler, wanting = _types.get(key) or _look_up(key)
        event: Event[Any] = Event(own, event_type)
        failure = None
        if flags & CHANNEL:
            failure = _consume(event)
        elif handler is None:
            failure = _call_live(event, wanting)
        else:
            # As `_call_live` does, for what most plugins are.
            try:
                returned = handler(event)
                if returned is not None:
                    awaited(wanting[0].name, returned)
            except BaseException as error:
                failure = together([(wanting[0].name, raised(error))])
            if operations:
                finish(wanting[0].name)
        if failure is not None:
            tell(failure)
        at = next_at
        if at >= end or not goes_on():
            return


def _look_up(key: bytes) -> tuple[str, Callable[[Any], Any] | None, list[Listener]]:
    """A type, the function of its only listener if that wants all events of it, and all its
    listeners."""
    if len(_types) >= MAX_TYPES:
        _types.clear()
    event_type = key.decode()
    live = [listener for listener in registry.listeners if listener.live]
    wanting = [listener for listener in live if listener.listens_to(event_type)]
    handler = wanting[0].handler if len(wanting) == 1 and wanting[0].is_plain() else None
    _types[key] = known = event_type, handler, wanting
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
