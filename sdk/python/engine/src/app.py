"""The component: what a node calls."""

from hearken_engine import stdlib, zones  # noqa: F401  (first: what they import is what plugins have)
from hearken_engine.hooks import SessionHooks
from hearken_engine.listener import FramedListener

from hearken_engine import start

start.prepare()

__all__ = ["FramedListener", "SessionHooks"]
