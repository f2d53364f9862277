"""Texts and bytes on their way out of the instance: what is longer than the node takes with one
call, by which the instance would die, is an error of the author's instead."""

from collections.abc import Iterable
from typing import Any

from engine_world.imports import script

#: Longest name, key, pattern or address, in bytes.
MAX_NAME = 64 << 10
#: Most that the node keeps of a line of its log, and of why an event failed, in bytes.
MAX_LINE = 8 << 10
MAX_REASON = 4 << 10
#: What one call may hand over beside data: names, and what a list takes for its entries.
_SLACK = 1 << 20
#: What an entry of a list takes beside its content, in bytes: two texts, and an event.
ENTRY = 64
EVENT = 256

_most = _SLACK


def ask() -> None:
    """Asks the node how much it takes with one call."""
    global _most
    _most = max(script.call_bytes() - _SLACK, 0)


def name(text: Any) -> Any:
    """A name, key, pattern or address, or none. One with half a character raises a `ValueError`,
    as does one that is too long."""
    size(text)
    return text


def size(text: Any) -> int:
    """Bytes of such a name, which is checked."""
    if text is None:
        return 0
    if not isinstance(text, str):
        raise TypeError(f"it is a text, not a {type(text).__name__}")
    bytes = len(text) if text.isascii() else len(text.encode())
    if bytes > MAX_NAME:
        raise ValueError(f"the text has {bytes} bytes, and at most {MAX_NAME} are possible")
    return bytes


def beginning(text: str, most: int) -> str:
    """The first bytes of a text, for who reads what is told or logged."""
    if len(text) <= most and text.isascii():
        return text
    whole = text[: most + 1].encode(errors="replace")
    return whole.decode() if len(whole) <= most else whole[:most].decode(errors="ignore") + "…"


def check(size: int) -> None:
    """Checks data of so many bytes."""
    if size > _most:
        raise ValueError(f"the data has {size} bytes, of which one call takes at most {_most}")


def check_all(sizes: Iterable[int]) -> None:
    """Checks the entries of a list."""
    check(sum(size + ENTRY for size in sizes))
