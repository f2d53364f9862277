"""What others listen to."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any, Callable, TypeVar, overload

from ._errors import HandlerError, HearkenError

Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)

_log = logging.getLogger("hearken.client")


class Emitter:
    """Calls functions that were registered under a name.

    What they return, if it can be awaited, runs as a task of its own.
    """

    def __init__(self) -> None:
        self._handlers: dict[str, tuple[Handler, ...]] = {}
        # Kept, since the loop itself keeps no task.
        self._tasks: set[asyncio.Future[Any]] = set()

    @overload
    def on(self, name: str) -> Callable[[H], H]: ...

    @overload
    def on(self, name: str, handler: H) -> H: ...

    def on(self, name: str, handler: Handler | None = None) -> Any:
        """Registers a handler, or is a decorator that does; the same function may be there twice."""
        if handler is None:
            return lambda function: self.on(name, function)
        if not callable(handler):
            raise TypeError(f"a handler of `{name}` is a function")
        self._added(name)
        self._handlers[name] = (*self._handlers.get(name, ()), handler)
        return handler

    def off(self, name: str, handler: Handler | None = None) -> None:
        """Takes a handler away, or all of that name."""
        left = list(self._handlers.get(name, ()))
        if handler is None:
            left.clear()
        elif handler in left:
            left.reverse()
            left.remove(handler)
            left.reverse()
        if left:
            self._handlers[name] = tuple(left)
        elif self._handlers.pop(name, None):
            self._emptied(name)

    def handlers(self, name: str) -> tuple[Handler, ...]:
        """Those of a name."""
        return self._handlers.get(name, ())

    def _added(self, name: str) -> None:
        """Called before a handler is registered, which is not if this raises."""

    def _emptied(self, name: str) -> None:
        """Called when the last handler of a name was taken away."""

    def _next(self, name: str) -> asyncio.Future[Any]:
        """What is told next under a name."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(given: Any = None) -> None:
            if not future.done():
                future.set_result(given)

        self.on(name, done)
        future.add_done_callback(lambda _: self.off(name, done))
        return future

    def _tell(self, name: str, *given: Any) -> bool:
        """Tells something of the emitter itself; returns whether anybody listens."""
        handlers = self.handlers(name)
        for handler in handlers:
            self._call(handler, given, self._report)
        return bool(handlers)

    def _fail(self, error: HearkenError, retry_in: float | None = None) -> None:
        """Tells an error. Unless it passes by itself, it goes to the loop's exception handler where
        nobody listens to errors."""
        error.retry_in = retry_in
        if self._tell("error", error):
            return
        if retry_in is not None and not isinstance(error, HandlerError):
            _log.warning("%s%s", error, f"; trying again in {retry_in:.1f} s" if retry_in else "")
        else:
            self._report(error)

    def _hand(self, handler: Handler, event: Any) -> None:
        """Hands an event to a function, and tells what that raises."""
        self._call(handler, (event,), lambda error: self._fail(HandlerError(event, error)))

    def _call(self, handler: Handler, given: tuple[Any, ...], failed: Callable[[Exception], None]) -> None:
        try:
            answer = handler(*given)
        except Exception as error:
            failed(error)
            return
        if inspect.isawaitable(answer):
            self._keep(asyncio.ensure_future(answer), failed)

    def _keep(self, task: asyncio.Future[Any], failed: Callable[[Exception], None]) -> None:
        def done(task: asyncio.Future[Any]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and isinstance(error := task.exception(), Exception):
                failed(error)

        self._tasks.add(task)
        task.add_done_callback(done)

    def _report(self, error: Exception) -> None:
        context = {"message": f"nobody listens to the errors of {self!r}: {error}", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
