"""The component as a listener."""

from engine_world.imports import frames, progress
from engine_world.imports import hearken_plugin_types as types
from hearken._dispatch import handle
from hearken._failure import Failure, place_in
from hearken._registry import Listener, registry

from . import deadline, output, start
from .bounds import MAX_REASON, beginning


class FramedListener:
    def describe(self) -> types.Description:
        start.ensure()
        frames.take()
        described = [_described(listener, pattern) for listener in registry.listeners for pattern in listener.patterns]
        return types.Description(start.version, described)

    def handle(self, frame: bytes) -> None:
        handle(frame, _tell, _goes_on)
        _end_event()


def _goes_on() -> bool:
    _end_event()
    return frames.next()


def _end_event() -> None:
    # What was printed without the end of its line is the event's that is done.
    if output.waits:
        output.flush()
    if deadline.late is not None:
        _tell(Failure(f"DeadlineExceeded\n    {place_in(*deadline.late)}"))


def _tell(failure: Failure) -> None:
    deadline.late = None
    reason = beginning(failure.reason, MAX_REASON)
    if failure.rejected:
        progress.reject(reason)
    elif failure.after is not None:
        progress.retry(reason, failure.after)
    else:
        progress.fail(reason)


def _described(listener: Listener, pattern: str) -> types.ListenerDescription:
    filter = types.Filter(pattern, listener.subject, listener.channel, listener.local_only)
    return types.ListenerDescription(beginning(listener.name, MAX_REASON), filter, _delivery(listener))


def _delivery(listener: Listener) -> types.Delivery:
    if listener.live or listener.channel is None:
        return types.Delivery_Live()
    begins: types.StartingPoint | None = None
    if listener.begins == "first":
        begins = types.StartingPoint_First()
    elif listener.begins == "new":
        begins = types.StartingPoint_New()
    elif isinstance(listener.begins, int):
        begins = types.StartingPoint_After(listener.begins)
    return types.Delivery_Channel(types.ChannelDelivery(listener.channel, begins))
