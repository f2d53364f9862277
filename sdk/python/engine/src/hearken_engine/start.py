"""Runs the plugin's text when an instance starts."""

import asyncio
import gc
import os
import random
import sys
from typing import Any, NoReturn

from engine_world.imports import script
from hearken import _failure, _node
from hearken._loop import finish, loop
from hearken._registry import registry

from . import bounds, deadline, hints, holes, output, texts
from .node import Node

#: Lines of an error that are said: as many as the node keeps of last words.
MAX_LINES = 4
#: Bytes of an instance's memory that CPython has before a plugin's first line.
NEEDED = 32 << 20

#: What the text says that it is.
version = ""

_done = False
_stderr = sys.stderr


def prepare() -> None:
    """To be called when the engine is built: what is there now every instance begins with."""
    _node.current = Node()
    _failure.hint = hints.of
    # Whoever makes an event loop has this one: no other would hear of the node.
    asyncio.new_event_loop = asyncio.events.new_event_loop = lambda: loop
    asyncio.run = _run_to_the_end
    registry.open = True
    deadline.prepare()
    # What the builder's surroundings were is nobody's business.
    os.environ.clear()
    gc.collect()
    # Nothing of this is looked through again, and so no page of it is written to.
    gc.freeze()
    # Which would free something meanwhile.
    gc.disable()
    holes.take()
    gc.enable()
    gc.freeze()


def _run_to_the_end(main: Any, *, debug: bool | None = None, loop_factory: Any = None) -> Any:
    """`asyncio.run`, which is given a loop of its own elsewhere."""
    return loop.run_until_complete(main)


def ensure() -> None:
    """Runs the text, unless that is done; what is wrong with it are the instance's last words."""
    global _done
    if _done:
        return
    _done = True
    # The seed of the snapshot would be the same in all instances.
    random.seed()
    settings = script.settings()
    bounds.ask()
    if 0 < settings.memory < NEEDED:
        give_up(
            f"Python needs at least {NEEDED >> 20} MiB of memory, and this plugin may have "
            f"{settings.memory / (1 << 20):.3g} MiB: `memory` in `[limits]` of its manifest"
        )
    if settings.compat:
        give_up(f'the engine of Python knows no `compat = "{settings.compat}"`')
    output.install()
    texts.install()
    every = script.texts()
    if not every:
        give_up("the node has handed over no text")
    _run(every)


def _run(every: list[tuple[str, str]]) -> None:
    global version
    _failure.texts = frozenset(name for name, _ in every)
    entry, text = every[0]
    try:
        texts.take(every)
        module = texts.run(entry, text)
    except BaseException as error:
        give_up(_failure.told(error))
    if not registry.listeners and registry.hooks is None:
        give_up(
            f'{entry} listens to nothing: put @listen("custom.*") of `hearken` before a function; a file that '
            f"plugins share has a name that begins with `_`\n    at {entry}:1:1"
        )
    version = str(getattr(module, "version", None) or getattr(module, "__version__", None) or version)
    registry.open = False
    deadline.late = None
    if not loop.is_idle():
        finish(entry)
    output.flush()


def give_up(why: str) -> NoReturn:
    """Ends the instance."""
    lines = bounds.beginning(why, bounds.MAX_LINE).splitlines()[:MAX_LINES]
    _stderr.write("\n".join(lines) + "\n")
    _stderr.flush()
    os._exit(1)
