"""Takes the room that is free between objects, when the engine is built.

Each page of memory that an instance writes to is its own from then on; all others it shares with
every instance. Free room is wherever something was freed, and the allocator prefers it to new
memory, so that the few objects of a start would lie in hundreds of pages with others in each.
"""

from collections.abc import Iterator
from typing import Any

#: Bytes of what is taken at once, largest first; less than the last is of no use to anybody.
_LARGE = [1 << power for power in range(16, 11, -1)]
_SMALL = range(2040, 16, -8)
#: What an object of bytes has beside these, in an engine of 32 bits.
_OBJECT = 17
#: As many in a row that lie behind all before them come from memory that was never used.
_IN_A_ROW = 4

_taken: Any = None


def take() -> None:
    """Takes all of it, for good. No garbage may be collected meanwhile, which makes more of it."""
    global _taken
    last = 0
    for size in _sizes():
        behind = 0
        while behind < _IN_A_ROW:
            # A chain: a list would move as it grows, and leave a hole.
            _taken = _taken, bytes(size - _OBJECT)
            at = id(_taken[1])
            behind = behind + 1 if at > last else 0
            last = max(last, at)


def _sizes() -> Iterator[int]:
    yield from _LARGE
    yield from _SMALL
