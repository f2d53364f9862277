"""Where a handler was when its deadline was all but over.

A `while` that does not end is asked now and then, where it begins anew, whether it is late; then
it fails with the line. Other loops end by themselves, so nothing of what they cost is spent on
that: a function without a `while` runs as it always does.
"""

import sys
from opcode import _inline_cache_entries, opmap
from time import perf_counter_ns
from types import CodeType

from engine_world.imports import deadline

#: Between two questions to the node, in nanoseconds: a fraction of what it leaves for an answer.
APART = 1_000_000
#: Turns between two looks at the clock at most, since later ones may take longer.
MOST = 4096

_monitoring = sys.monitoring
_TOOL = _monitoring.PROFILER_ID
_BACK = opmap["JUMP_BACKWARD"]
_NEXT = opmap["FOR_ITER"]
_EXTENDED = opmap["EXTENDED_ARG"]
#: Bytes of an instruction, and instructions' room behind a jump back that the interpreter uses.
_WIDTH = 2
_CACHE = _inline_cache_entries.get("JUMP_BACKWARD", 0)

_left = _turns = 1
_looked = 0

#: Where it was late, until that is told: whatever is raised there the text may catch, or nobody,
#: where a finalizer runs.
late: tuple[CodeType, int] | None = None


class DeadlineExceeded(BaseException):
    """No `Exception`, so that nothing that catches all of those catches it."""


def watch(code: CodeType) -> None:
    """Has the loops of a text asked."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            watch(constant)
    if _has_while(code.co_code):
        _monitoring.set_local_events(_TOOL, code, _monitoring.events.JUMP)


def _has_while(code: bytes) -> bool:
    """Whether there is a jump back to anything but the next turn of a `for`."""
    operations = code[::_WIDTH]
    at = operations.find(_BACK)
    while at >= 0:
        argument, before = code[at * _WIDTH + 1], at - 1
        shift = 8
        while before >= 0 and operations[before] == _EXTENDED:
            argument |= code[before * _WIDTH + 1] << shift
            before, shift = before - 1, shift + 8
        target = at + 1 + _CACHE - argument
        if not 0 <= target < len(operations) or operations[target] != _NEXT:
            return True
        at = operations.find(_BACK, at + 1)
    return False


def _jumped(code: CodeType, offset: int, target: int) -> None:
    global _left
    _left -= 1
    if _left <= 0:
        _look(code, offset)


def _look(code: CodeType, offset: int) -> None:
    global _left, _looked, _turns, late
    now = perf_counter_ns()
    spent = now - _looked
    _looked = now
    # As many as took so long the last time, but never many more than before.
    _turns = min(max(_turns * APART // max(spent, 1), 1), _turns * 4, MOST)
    _left = _turns
    if deadline.is_late():
        late = code, offset
        raise DeadlineExceeded


def prepare() -> None:
    """To be called once."""
    _monitoring.use_tool_id(_TOOL, "hearken")
    _monitoring.register_callback(_TOOL, _monitoring.events.JUMP, _jumped)
