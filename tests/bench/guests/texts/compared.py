"""The listener that is compared: what an event costs, a field of its JSON, and one that is sent."""

from hearken import Event, listen, send

touched = None


@listen("custom.bench.empty")
def empty(event: Event) -> None:
    pass


@listen("custom.bench.field")
def field(event: Event) -> None:
    global touched
    touched = event.data["quantity"]


@listen("custom.bench.send")
def sending(event: Event) -> None:
    send("bench.sent", data=event.data["quantity"])
