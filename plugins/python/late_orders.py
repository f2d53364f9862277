"""Reminds of orders that are late. An example: it is no plugin in this folder, since a node
without the engine of Python cannot run it. Copy it into a plugins folder, after
`hearken engine add python`."""

from hearken import Event, config, listen, send

#: Days after which a customer is reminded, from `[config]`.
limit = int(config.get("limit", "3"))


@listen("custom.order.late")
def remind(event: Event) -> None:
    """Sends `custom.order.reminder` about an order that is late for long."""
    days = event.data["days"]
    if days > limit:
        send("order.reminder", subject=event.subject, data={"days": days})
