"""Patterns on the types of events: `*` is any run of characters, `{a,b}` either, all else itself."""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_BYTES = 1024
MAX_ALTERNATIVES = 64

_FOREIGN = re.compile(r"[^A-Za-z0-9._/:*{},-]")
_BRACES = re.compile(r"\{([^{}]*)\}")


def compile(pattern: str) -> Callable[[str], bool]:
    """Returns what tells whether a type matches; raises `ValueError` if it is no pattern."""
    globs = _alternatives(pattern)
    exact = frozenset(glob for glob in globs if "*" not in glob)
    starred = [glob for glob in globs if "*" in glob]
    if not starred:
        return exact.__contains__
    return lambda event_type: event_type in exact or any(_matches(glob, event_type) for glob in starred)


def wants_channel(wanted: str, channel: str | None) -> bool:
    """Whether a filter on a channel wants what is of this one: `*` is any run of characters."""
    if channel is None or wanted == channel:
        return channel is not None
    return "*" in wanted and _matches(wanted, channel)


def _matches(glob: str, text: str) -> bool:
    """The first literal is anchored in front, the last at the end, and each between is taken
    where it is first found: so it takes no longer than the text is long."""
    first, *between, last = glob.split("*")
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for literal in between:
        found = text.find(literal, at, end)
        if found < 0:
            return False
        at = found + len(literal)
    return True


def _alternatives(pattern: str) -> list[str]:
    if not isinstance(pattern, str):
        raise ValueError(f"it is a text such as \"custom.cart.*\", not a {type(pattern).__name__}")
    if not pattern:
        raise ValueError("the pattern is empty; use `*` to match every type")
    if len(pattern.encode()) > MAX_BYTES:
        raise ValueError(f"the pattern has {len(pattern.encode())} bytes; at most {MAX_BYTES} are allowed")
    if foreign := _FOREIGN.search(pattern):
        raise ValueError(
            f"the pattern has {foreign.group()!r}, which no event type contains; "
            "allowed are A-Z a-z 0-9 . _ - / : * and {a,b}"
        )
    globs = [""]
    # Of what is split by a group the odd pieces are the groups.
    for at, piece in enumerate(_BRACES.split(pattern)):
        if at % 2 == 0 and ("{" in piece or "}" in piece):
            raise ValueError("a brace of the pattern has no partner, or stands inside another pair")
        if at % 2 == 0 and "," in piece:
            raise ValueError("the pattern has ',' outside of braces, which no event type contains")
        choices = piece.split(",") if at % 2 else [piece]
        globs = [glob + choice for glob in globs for choice in choices]
        if len(globs) > MAX_ALTERNATIVES:
            raise ValueError(f"the alternatives of the pattern multiply to more than {MAX_ALTERNATIVES}")
    if "" in globs:
        raise ValueError("an alternative of the pattern is empty")
    return globs
