"""The client library of a Hearken node, for asyncio.

    from hearken.client import Client

    async with Client("http://127.0.0.1:7070") as client:
        @client.on("custom.cart.*")
        def changed(event):
            print(event.type, event.data)

        await client.emit("cart.added", subject="tea", data={"quantity": 3})
        async for order in client.channel("orders", client="billing"):
            print(order.sequence, order.data)
"""

from ._channel import Channel
from ._client import Client
from ._errors import (
    ClosedError,
    ConnectionLostError,
    EventsDroppedError,
    HandlerError,
    HearkenError,
    ProblemError,
    WaitTimeoutError,
)
from ._event import Event
from ._events import Events
from ._page import Cycle, Page
from ._reader import Numbers

__all__ = [
    "Channel", "Client", "ClosedError", "ConnectionLostError", "Cycle", "Event", "Events", "EventsDroppedError",
    "HandlerError", "HearkenError", "Numbers", "Page", "ProblemError", "WaitTimeoutError",
]
