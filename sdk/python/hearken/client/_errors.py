"""What goes wrong, as types that a program can tell apart."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from datetime import datetime, timezone
from typing import Any, Mapping

# Statuses of answers after which the same request may succeed.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

# Of these it is not known whether what was asked for was done.
_UNKNOWN = frozenset({408, 500, 502, 504})

# Kinds of problems that stay although their status says otherwise.
_STAYING = frozenset({"storage-failed"})

_KIND = "urn:hearken:problem:"


class HearkenError(Exception):
    """What all errors of a client are.

    ``code`` is stable: the kind of a problem such as ``forbidden``, else e.g. ``connection``,
    ``timeout`` or ``closed``. ``temporary`` says whether the same may succeed later, ``unknown``
    whether what was asked for may have been done. ``retry_in`` has the seconds after which it goes
    on by itself, where it does; ``pattern`` the one that the node refuses, and ``channel`` the one
    that was read.
    """

    def __init__(self, code: str, message: str, *, temporary: bool = False, unknown: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.temporary = temporary
        self.unknown = unknown
        self.retry_in: float | None = None
        self.pattern: str | None = None
        self.channel: str | None = None


class ProblemError(HearkenError):
    """The node has answered that it does not do what was asked for.

    ``problem`` is what it said (RFC 9457), ``retry_after`` the seconds that it asks to wait.
    """

    def __init__(self, status: int, problem: dict[str, Any], retry_after: float | None = None) -> None:
        kind = problem.get("type")
        known = isinstance(kind, str) and kind.startswith(_KIND)
        code = str(kind)[len(_KIND):] if known else f"http-{status}"
        said = [text for text in (problem.get("title"), problem.get("detail")) if isinstance(text, str) and text]
        super().__init__(
            code,
            ": ".join(said) or f"the answer has the status {status}",
            temporary=status in _PASSING and code not in _STAYING,
            unknown=code == "outcome-unknown" or status in _UNKNOWN,
        )
        self.status = status
        self.problem = problem
        self.retry_after = retry_after

    @property
    def last(self) -> int | None:
        """Number of the channel's last event, where another was expected."""
        return self.problem.get("last")


class ConnectionLostError(HearkenError, ConnectionError):
    """There was no answer, or it broke off."""

    def __init__(self, message: str, *, unknown: bool = True) -> None:
        super().__init__("connection", message, temporary=True, unknown=unknown)


class WaitTimeoutError(HearkenError, TimeoutError):
    """What was waited for has not come in time."""

    def __init__(self, message: str) -> None:
        super().__init__("timeout", message, temporary=True, unknown=True)


class ClosedError(HearkenError):
    """The client, or what was asked of it, was closed."""

    def __init__(self, message: str = "the client is closed") -> None:
        super().__init__("closed", message)


class EventsDroppedError(HearkenError):
    """Events came faster than they were taken; ``dropped`` is how many, as far as that is known."""

    def __init__(self, dropped: int | None) -> None:
        number = "some" if dropped is None else dropped
        super().__init__("overflow", f"events came faster than they were taken; {number} were dropped", temporary=True)
        self.dropped = dropped


class HandlerError(HearkenError):
    """A handler has failed with ``event``; ``__cause__`` is what it has raised."""

    def __init__(self, event: Any, cause: BaseException) -> None:
        super().__init__("handler", f"a handler of {event.type} has failed: {cause!r}")
        self.event = event
        self.__cause__ = cause


def problem_of(status: int, headers: Mapping[str, str], body: bytes) -> ProblemError:
    """The error that an answer tells."""
    try:
        problem = json.loads(body)
    except ValueError:
        # A proxy may have answered, with whatever.
        problem = {}
    return ProblemError(status, problem if isinstance(problem, dict) else {}, _retry_after(headers.get("retry-after")))


def _retry_after(text: str | None) -> float | None:
    """Seconds (RFC 9110, section 10.2.3)."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return max(0.0, (at - datetime.now(timezone.utc)).total_seconds())
