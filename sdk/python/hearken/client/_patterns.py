"""Patterns on types, and how they share streams: a stream has one, which may be several in braces."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Iterable, NamedTuple

# What a node takes: bytes of a pattern, and its alternatives multiplied out.
_MAX_BYTES = 1024
_MAX_ALTERNATIVES = 64

_SPECIAL = {"*": ".*", "{": "(?:", "}": ")"}


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression that matches what a pattern does: ``*`` is any run of characters,
    ``{a,b}`` either, all else itself."""
    if not isinstance(pattern, str) or not pattern:
        raise TypeError('a pattern is a text such as "custom.cart.*"; use `*` to match every type')
    inside = False
    parts = []
    for character in pattern:
        if character == ("{" if inside else "}"):
            raise ValueError(f"the pattern `{pattern}` has a brace without its other")
        if character in "{}":
            inside = not inside
        parts.append("|" if character == "," and inside else _SPECIAL.get(character) or re.escape(character))
    if inside:
        raise ValueError(f"the pattern `{pattern}` has a brace without its other")
    return re.compile("".join(parts), re.DOTALL)


def matches(pattern: str, event_type: str) -> bool:
    """Whether a type matches."""
    return compiled(pattern).fullmatch(event_type) is not None


def is_covered(pattern: str, others: Iterable[str]) -> bool:
    """Whether all that it matches is matched by one of others, as far as is seen easily."""
    literal = not re.search(r"[*{},]", pattern)
    return any(other in (pattern, "*") or (literal and matches(other, pattern)) for other in others)


class Bundle(NamedTuple):
    """A pattern for a node, and those that it is made of."""

    type: str
    patterns: tuple[str, ...]
    alternatives: int


def bundles(patterns: Iterable[str], apart: bool = False) -> list[Bundle]:
    """As few patterns as possible that together match what these do.

    One that a node would refuse stands alone, so that it alone is refused.
    """
    every = list(dict.fromkeys(patterns))
    if apart:
        return [_bundle([pattern]) for pattern in every]
    needed = [one for one in every if not is_covered(one, (other for other in every if other != one))]
    found: list[Bundle] = []
    last: list[str] = []
    for pattern in sorted(needed):
        if len(_globs(pattern)) > _MAX_ALTERNATIVES:
            found.append(_bundle([pattern]))
            continue
        joined = _bundle([*last, pattern])
        if last and (len(joined.type) > _MAX_BYTES or joined.alternatives > _MAX_ALTERNATIVES):
            found.append(_bundle(last))
            last = []
        last.append(pattern)
    if last:
        found.append(_bundle(last))
    return found


def _bundle(patterns: list[str]) -> Bundle:
    if len(patterns) == 1:
        return Bundle(patterns[0], tuple(patterns), 1)
    every = sorted({glob for pattern in patterns for glob in _globs(pattern)})
    return Bundle(every[0] if len(every) == 1 else "{" + ",".join(every) + "}", tuple(patterns), len(every))


def _globs(pattern: str) -> list[str]:
    """Its alternatives, multiplied out; more than a node takes may be cut."""
    found = [""]
    for part in re.split(r"(\{[^{}]*\})", pattern):
        ends = part[1:-1].split(",") if part.startswith("{") else [part]
        found = [begin + end for begin in found for end in ends][: _MAX_ALTERNATIVES + 1]
    return found
