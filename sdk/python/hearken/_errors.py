"""What the calls of the module raise, and what a plugin raises for the node."""

from __future__ import annotations

from datetime import timedelta

Duration = float | int | str | timedelta


class HearkenError(Exception):
    """The node has not done what it was asked for; `code` says why in one word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SendError(HearkenError):
    """An event was not published."""


class AppendError(HearkenError):
    """Events were not appended. With the code `conflict`, `last` is the number of the last."""

    def __init__(self, code: str, message: str, last: int | None = None) -> None:
        super().__init__(code, message)
        self.last = last


class ReadError(HearkenError):
    """A channel was not read."""


class WaitError(HearkenError):
    """Nothing is waited for."""


class WaitTimeout(HearkenError, TimeoutError):
    """No such event came in time."""


class KeyValueError(HearkenError):
    """A bucket could not be used."""


class ConfigError(HearkenError):
    """The configuration cannot be read."""


class SecretError(HearkenError):
    """There is no such secret, or it cannot be read."""


class SessionsError(HearkenError):
    """Nothing was done with sessions."""


class FetchError(HearkenError):
    """A request got no answer."""


class Retry(Exception):
    """Raised by a handler: a channel's event is to be tried again, `after` a while at the
    soonest. So it is after any other error, too."""

    def __init__(self, message: str = "", *, after: Duration | None = None) -> None:
        super().__init__(message)
        if after is not None:
            from ._values import milliseconds

            # What is no time is told where it is written.
            milliseconds("Retry", "after", after)
        self.after = after


class Reject(Exception):
    """Raised by a handler: the event will never be handled, and goes to the dead letters."""


class Refusal(Exception):
    """Raised by a hook: the client is answered with an error, and goes on. `code` is 100 to 113
    as the protocol has them, or 400 to 1999."""

    def __init__(self, message: str, *, code: int = 103, temporary: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.temporary = temporary


class Disconnect(Exception):
    """Raised by a hook: the connection is closed, with a code from 3000 to 4999."""

    def __init__(self, reason: str, *, code: int = 4000) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
