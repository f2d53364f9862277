"""What a plugin is given in tests, and what it has done."""

from __future__ import annotations

from typing import Any

from .._event import Event
from .._fetch import Headers, Response
from .._values import MISSING, stored


class Host:
    """Begins anew with `reset`; what is registered stays."""

    #: The manifest's `[config]`.
    config: dict[str, str]
    #: The manifest's `[secrets]`.
    secrets: dict[str, str | bytes]
    #: Events that were sent.
    sent: list[Event[Any]]
    #: Lines that were logged: level and text.
    logged: list[tuple[str, str]]
    #: What was done with sessions: the function and what it was given.
    sessions: list[tuple[Any, ...]]
    #: Events of channels, by name; a channel that is not here does not exist.
    channels: dict[str, list[Event[Any]]]
    #: Values in buckets, by bucket and key, as the node has them: bytes.
    buckets: dict[str, dict[str, bytes]]
    #: Answers to requests, by URL.
    responses: dict[str, Response]
    #: Requests that were made: method, URL, and body.
    requests: list[tuple[str, str, bytes | None]]

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets all that was done and set."""
        self.config = {}
        self.secrets = {}
        self.sent = []
        self.logged = []
        self.sessions = []
        self.channels = {}
        self.buckets = {}
        self.responses = {}
        self.requests = []
        self.answers: list[Event[Any]] = []
        #: Of the event of a channel in hand: what ids begin with that it gives, and how many it has given.
        self.handling: tuple[str, int] | None = None

    def answer(self, event: Event[Any]) -> None:
        """Answers the next `wait` that wants this event."""
        self.answers.append(event)

    def respond(self, url: str, body: Any = MISSING, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answers requests to this URL, with JSON or bytes."""
        content = b"" if body is MISSING else stored(body)
        named = Headers((name.lower(), value) for name, value in (headers or {}).items())
        self.responses[url] = Response(status, named, url, content)


host = Host()
