"""The listener that is compared, for a tool that makes a component of a script: see `texts`."""

import json

from wit_world import exports
from wit_world.imports import events
from wit_world.imports.types import (
    Delivery_Live,
    Description,
    Event,
    Filter,
    ListenerDescription,
    OutgoingEvent,
)

touched = None

EMPTY, FIELD, SEND = PATTERNS = ("custom.bench.empty", "custom.bench.field", "custom.bench.send")


def described(pattern: str) -> ListenerDescription:
    wanted = Filter(pattern=pattern, subject=None, channel=None, local_only=False)
    return ListenerDescription(name=pattern, filter=wanted, delivery=Delivery_Live())


class Listener(exports.Listener):
    def describe(self) -> Description:
        return Description(version="0.1.0", listeners=[described(pattern) for pattern in PATTERNS])

    def handle(self, event: Event, attempt: int | None) -> None:
        global touched
        if event.type == EMPTY:
            return
        touched = json.loads(event.data)["quantity"]
        if event.type == SEND:
            sent = OutgoingEvent(
                type="bench.sent",
                id=None,
                subject=None,
                time=None,
                datacontenttype=None,
                data=str(touched).encode(),
                distributed=False,
                channel=None,
                extensions=[],
            )
            events.send(sent)
