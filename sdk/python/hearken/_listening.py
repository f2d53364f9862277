"""`listen` and `session_hooks`: what a plugin registers while its file is run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR, CO_VARARGS, iscoroutinefunction
from types import FunctionType
from typing import Any, TypeVar

from . import _pattern
from ._registry import QUESTIONS, Hooks, Listener, registry

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C")


def listen(
    pattern: str | Iterable[str],
    *,
    subject: str | None = None,
    local_only: bool = False,
    channel: str | None = None,
    live: bool = False,
    from_: str | int | None = None,
) -> Callable[[F], F]:
    """Calls the function below with each event that matches; it may be `async`.

    `pattern` is a glob on the type, or several: `*` matches any run of characters, `{a,b}` is
    either. With `channel` the events of this durable channel, at least once and in order for
    each subject, also those that came while the plugin was not there, from where `from_` says
    (`"first"`, `"new"` or a number) when it has handled none yet; with `live` as they are
    published, each at most once.
    """
    registry.check_open("listen")
    if callable(pattern):
        raise TypeError('listen takes a pattern: @listen("custom.cart.*")')
    patterns = [pattern] if isinstance(pattern, str) else list(pattern)
    if not patterns:
        raise TypeError("listen: there is no pattern")
    matches = []
    for text in patterns:
        try:
            matches.append(_pattern.compile(text))
        except ValueError as error:
            raise ValueError(f"listen: the pattern {text!r} is not valid: {error}") from None
    for option, value in (("subject", subject), ("channel", channel)):
        if value is not None and not isinstance(value, str):
            raise TypeError(f"listen: `{option}` is a text, not a {type(value).__name__}")
    # Several channels at once have no order and no place in them.
    live = live or channel is None or "*" in channel
    if from_ is not None:
        if live:
            raise TypeError("listen: `from_` is for listeners with one `channel` that are not `live`")
        is_number = isinstance(from_, int) and not isinstance(from_, bool) and from_ >= 0
        if from_ not in ("first", "new") and not is_number:
            raise TypeError('listen: `from_` is "first", "new" or the number of an event')
    place = _place()

    def register(handler: F) -> F:
        registry.check_open("listen")
        if not callable(handler):
            raise TypeError("listen stands before a function")
        name = getattr(handler, "__name__", place)
        name = place if name == "<lambda>" else name
        _check_handler(name, handler)
        registry.add(
            Listener(name, patterns, matches, subject, channel, live, from_, bool(local_only), handler, iscoroutinefunction(handler))
        )
        return handler

    return register


def _check_handler(name: str, handler: Callable[..., Any]) -> None:
    """Refuses what cannot be called with an event, or does nothing when it is."""
    if not isinstance(handler, FunctionType):
        return
    code = handler.__code__
    if code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
        raise TypeError(f"listen: `{name}` has a `yield`, and nobody goes through what it yields; use `send`")
    needed = code.co_argcount - len(handler.__defaults__ or ())
    by_name = code.co_kwonlyargcount - len(handler.__kwdefaults__ or ())
    if needed > 1 or by_name > 0 or not (code.co_argcount or code.co_flags & CO_VARARGS):
        names = ", ".join(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        raise TypeError(f"listen: `{name}` is called with the event and nothing else, and takes ({names})")


def session_hooks(*namespaces: str, **answers: Callable[..., Any]) -> Callable[[C], C]:
    """Answers what sessions of clients ask: `connect(request)`, `refresh(session, token)`,
    `subscribe(session, request)`, `sub_refresh(session, channel)`, `publish(session, request)`
    and `rpc(session, method, data)`, in channels of these namespaces, or of whichever it is asked
    about. Given by name, or as methods of a class below.

    `None` and `True` are a yes, `False` is a refusal with 103, a dict is a yes with more.
    """
    registry.check_open("session_hooks")
    for namespace in namespaces:
        if not isinstance(namespace, str):
            raise TypeError("session_hooks takes names of namespaces, and functions by their names")
    if answers:
        _set_hooks(list(namespaces), answers)

    def register(answering: C) -> C:
        made = answering() if isinstance(answering, type) else answering
        found = {name: getattr(made, name) for name in QUESTIONS if hasattr(made, name)}
        _set_hooks(list(namespaces), found)
        return answering

    return register


def _set_hooks(namespaces: list[str], answers: dict[str, Callable[..., Any]]) -> None:
    registry.check_open("session_hooks")
    for name, answer in answers.items():
        if name not in QUESTIONS:
            raise TypeError(f"session_hooks: nobody asks `{name}`; answer one of {', '.join(QUESTIONS)}")
        if not callable(answer):
            raise TypeError(f"session_hooks: `{name}` is a function")
    if not answers:
        raise TypeError(f"session_hooks: answer one of {', '.join(QUESTIONS)}")
    if registry.hooks is not None:
        raise RuntimeError("a plugin calls session_hooks once; name several namespaces in one call")
    registry.hooks = Hooks(namespaces, answers)


def _place() -> str:
    """Where the caller of this module's caller is."""
    caller = sys._getframe(2)
    return f"{caller.f_code.co_filename}:{caller.f_lineno}"
