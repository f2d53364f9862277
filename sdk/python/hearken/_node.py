"""Where the calls of the module go: the node that runs a plugin, or the host of tests."""

from __future__ import annotations

from typing import Any


class _NoNode:
    """Neither is there."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(
            "there is no node here: a plugin runs in a plugins folder, or in a test with `hearken.testing`"
        )


#: Whoever makes another sets it here.
current: Any = _NoNode()
