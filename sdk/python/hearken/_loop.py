"""Goes on with what a function of a plugin has begun until it is done.

A handler that is `async` runs in an event loop of `asyncio` whose only source of events is the
node: several waits, requests and timers are under way side by side. One that is not waits by
`result()`, for one after the other.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from asyncio import events
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from . import _node
from ._failure import place_of

T = TypeVar("T")

MAX_OPERATIONS = 128
#: Rounds that tasks which were cancelled are given to end in.
MAX_ROUNDS = 100
#: What the Python of tests may be too old for.
_EAGER: Any = {"eager_start": True} if sys.version_info >= (3, 12) else {}


class Operation(Generic[T]):
    """Something that the node does meanwhile: `await` it, or take its `result()`."""

    __slots__ = ("_pollable", "_settled", "_result", "_error", "_future", "__weakref__")

    def __init__(self, pollable: Any) -> None:
        self._pollable = pollable
        self._settled = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._future: asyncio.Future[None] | None = None
        if len(loop.operations) >= MAX_OPERATIONS:
            self._close()
            raise RuntimeError(f"no more than {MAX_OPERATIONS} waits and requests can be under way")
        loop.operations.append(self)

    def _take(self) -> bool:
        """Looks for what came of it: sets `_result` or raises, and says whether there was
        something. May replace the pollable."""
        raise NotImplementedError

    def _close(self) -> None:
        """Lets go of what the node keeps of it."""
        if self._pollable is not None:
            self._pollable.__exit__(None, None, None)
            self._pollable = None

    def _settle(self) -> None:
        """To be called when it is ready."""
        if self._settled:
            return
        try:
            if not self._take():
                return
        except Exception as error:
            self._error = error
        self._drop()
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def _drop(self) -> None:
        self._settled = True
        self._close()
        if self in loop.operations:
            loop.operations.remove(self)

    def result(self) -> T:
        """What came of it, once that is known; raises why nothing did."""
        while not self._settled:
            _node.current.poll([self._pollable])
            self._settle()
        if self._error is not None:
            raise self._error
        return self._result

    def __await__(self) -> Generator[Any, None, T]:
        if not self._settled:
            if self._future is None:
                self._future = loop.create_future()
            # Who is cancelled shall not cancel it for others.
            yield from asyncio.shield(self._future).__await__()
        return self.result()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"it is still to come: `await` it, or take its result(), before `.{name}`")


class _Loop(asyncio.BaseEventLoop):
    """The only one that there is; it is its own selector."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation[Any]] = []
        self.is_stuck = False
        self._outer: asyncio.AbstractEventLoop | None = None
        self._selector = self

    def select(self, timeout: float | None) -> list[Any]:
        waiting = list(self.operations)
        timer = None
        if timeout is not None and (waiting or timeout > 0):
            timer = _node.current.timer(max(timeout, 0.0))
        elif not waiting:
            self.is_stuck = timeout is None
            return []
        pollables = [operation._pollable for operation in waiting]
        ready = _node.current.poll([*pollables, timer] if timer is not None else pollables)
        if timer is not None:
            timer.__exit__(None, None, None)
        for at in ready:
            if at < len(waiting):
                waiting[at]._settle()
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def enter(self) -> None:
        # Of a test that is `async` itself.
        self._outer = events._get_running_loop()
        events._set_running_loop(self)
        self._thread_id = 1

    def leave(self) -> None:
        self._thread_id = None
        events._set_running_loop(self._outer)

    def run_until_complete(self, future: Any) -> Any:
        if self.is_running():
            raise RuntimeError("asyncio.run() cannot be called from a running event loop: `await` it instead")
        self.enter()
        try:
            return _run(future)
        finally:
            # What the handler has begun itself goes on.
            self._end_tasks()
            self.leave()

    def run_forever(self) -> None:
        raise RuntimeError("an event loop that runs for ever would keep the event in hand for ever")

    def close(self) -> None:
        """Whoever closes it has thought that it is his own."""

    def is_idle(self) -> bool:
        return not (self._ready or self._scheduled or self.operations)

    def clear(self) -> int:
        """Ends all that is under way; returns how much that was."""
        left = len(self.operations)
        for operation in list(self.operations):
            operation._drop()
        left += self._end_tasks()
        for operation in list(self.operations):
            operation._drop()
        return left

    def _end_tasks(self) -> int:
        tasks = [task for task in asyncio.all_tasks(self) if not task.done()]
        for task in tasks:
            task.cancel()
        for _ in range(MAX_ROUNDS):
            if not self._ready:
                break
            self._run_once()
        self._ready.clear()
        self._scheduled.clear()
        return len(tasks)


loop = _Loop()


def to_the_end(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function, goes on until what it returns is there, and ends what it has left behind."""
    try:
        returned = function(*arguments)
        return returned if returned is None else awaited(name, returned)
    finally:
        if loop.operations:
            finish(name)


def awaited(name: str, returned: Any) -> Any:
    """Goes on until what a function has returned is there, if that is something to wait for."""
    if not inspect.isawaitable(returned):
        return returned
    loop.enter()
    try:
        return _run(returned)
    finally:
        if not loop.is_idle():
            finish(name)
        loop.leave()


def _run(waiting: Any) -> Any:
    if inspect.iscoroutine(waiting):
        # As far as it goes without waiting it goes at once, which is the whole way mostly.
        task: asyncio.Future[Any] = asyncio.Task(waiting, loop=loop, **_EAGER)
    else:
        task = asyncio.ensure_future(waiting, loop=loop)
    while not task.done():
        loop.is_stuck = False
        loop._run_once()
        if loop.is_stuck and not task.done() and not loop._ready:
            places = _places(task)
            task.cancel()
            for _ in range(MAX_ROUNDS):
                if task.done() or not loop._ready:
                    break
                loop._run_once()
            error = RuntimeError("it waits for something that nothing can settle any more")
            for place in places:
                error.add_note(f"    {place}")
            raise error
    return task.result()


def _places(waiting: asyncio.Future[Any]) -> list[str]:
    """Where in the plugin a task waits, the innermost call first."""
    places: list[str | None] = []
    inner: Any = waiting.get_coro() if isinstance(waiting, asyncio.Task) else None
    while (frame := getattr(inner, "cr_frame", None)) is not None:
        places.append(place_of(frame, frame.f_lasti, frame.f_lineno))
        inner = inner.cr_await
    return [place for place in reversed(places) if place is not None]


def finish(name: str) -> None:
    """Ends what a function has left behind, and says so."""
    left = loop.clear()
    if left:
        _node.current.log(
            "warn", "", f"{name}: what was under way when it was done is dropped: {left}; await it, or take its result()"
        )
