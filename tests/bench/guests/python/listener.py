"""The listener that is measured, in Python: it touches what it gets."""

from wit_world import exports
from wit_world.imports.types import Delivery_Live, Description, Event, Filter, ListenerDescription

touched = None


class Listener(exports.Listener):
    def describe(self) -> Description:
        wanted = Filter(pattern="custom.bench.count*", subject=None, channel=None, local_only=False)
        count = ListenerDescription(name="count", filter=wanted, delivery=Delivery_Live())
        return Description(version="0.1.0", listeners=[count])

    def handle(self, event: Event, attempt: int | None) -> None:
        global touched
        touched = (len(event.type), event.data[:1])
