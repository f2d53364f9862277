"""The component as a listener."""

from engine_world.imports import hearken_plugin_types as types
from engine_world.imports import progress
from hearken._dispatch import handle
from hearken._failure import Failure
from hearken._registry import Listener, registry

from . import output, start
from .bounds import MAX_REASON, beginning


class FramedListener:
    def describe(self) -> types.Description:
        start.ensure()
        described = [_described(listener, pattern) for listener in registry.listeners for pattern in listener.patterns]
        return types.Description(start.version, described)

    def handle(self, frame: bytes) -> None:
        handle(frame, _tell)
        if output.waits:
            output.flush()


def _tell(failure: Failure) -> None:
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
