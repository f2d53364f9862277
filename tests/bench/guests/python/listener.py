"""The listener that is measured, in Python: it touches what it gets."""

from wit_world import exports
from wit_world.imports.types import Description, Event, Filter, ListenerDescription

touched = None


class Listener(exports.Listener):
    def describe(self) -> Description:
        wanted = Filter(pattern="custom.bench.count*", subject=None, channel=None, local_only=False)
        return Description(version="0.1.0", listeners=[ListenerDescription(name="count", filter=wanted)])

    def handle(self, event: Event) -> None:
        global touched
        touched = (len(event.type), event.data[:1])
