"""What a Hearken plugin in Python imports.

    from hearken import Event, listen, send

    @listen("custom.cart.{added,changed}", local_only=True)
    def restock(event: Event) -> None:
        if event.data["quantity"] > 100:
            send("stock.low", subject=event.subject, data=event.data["quantity"])

In a plugins folder the node's engine of Python runs it; in a test `hearken.testing` does.
"""

from ._channels import Bounds, Page, Position, Stored, append, bounds, read
from ._errors import (
    AppendError,
    ConfigError,
    Disconnect,
    FetchError,
    HearkenError,
    KeyValueError,
    ReadError,
    Refusal,
    Reject,
    Retry,
    SecretError,
    SendError,
    SessionsError,
    WaitError,
    WaitTimeout,
)
from ._event import Event
from ._fetch import Fetch, Headers, Response, fetch
from ._hooks import ChannelRequest, ConnectRequest, Session
from ._listening import listen, session_hooks
from ._publishing import Wait, send, wait
from ._sessions import ClientInfo, History, PresenceStats, Publication, Reached, sessions
from ._settings import config, log, secrets
from ._storage import Bucket, bucket

__all__ = [
    "AppendError", "Bounds", "Bucket", "ChannelRequest", "ClientInfo", "ConfigError", "ConnectRequest",
    "Disconnect", "Event", "Fetch", "FetchError", "Headers", "HearkenError", "History", "KeyValueError", "Page",
    "Position", "PresenceStats", "Publication", "Reached", "ReadError", "Refusal", "Reject", "Response", "Retry",
    "SecretError", "SendError", "Session", "SessionsError", "Stored", "Wait", "WaitError", "WaitTimeout", "append",
    "bounds", "bucket", "config", "fetch", "listen", "log", "read", "secrets", "send", "session_hooks", "sessions",
    "wait",
]
