"""Durations, and pauses before the next attempt."""

from __future__ import annotations

import random
import re
from typing import Callable, Union

#: Seconds, or a time such as ``"2s"``, ``"500ms"`` or ``"1.5m"``.
Duration = Union[float, int, str]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_TEXT = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def seconds(duration: Duration, what: str = "a duration") -> float:
    """The seconds of a number or a text."""
    if isinstance(duration, (int, float)) and not isinstance(duration, bool) and duration >= 0:
        return float(duration)
    found = _TEXT.fullmatch(duration) if isinstance(duration, str) else None
    if found is None:
        raise TypeError(f'{what} is seconds, or a text such as "2s", not {duration!r}')
    return float(found[1]) * _UNITS[found[2]]


class Backoff:
    """Pauses that grow: each is random up to a bound that doubles ("full jitter")."""

    def __init__(self, least: float, most: float, chance: Callable[[], float] = random.random) -> None:
        self._least = least
        self._most = most
        self._bound = least
        self._chance = chance

    def next(self, at_least: float | None = None) -> float:
        """Seconds until the next attempt; not less than what the node has asked for."""
        # What many were told at once they do not do at once.
        pause = self._chance() * self._bound + (at_least or 0.0)
        self._bound = min(self._bound * 2, self._most)
        return pause

    def reset(self) -> None:
        """An attempt has succeeded."""
        self._bound = self._least
