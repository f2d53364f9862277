"""The fixture `host` of pytest, there once the package is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import Host
from . import host as the_host


@pytest.fixture
def host() -> Iterator[Host]:
    """What the plugin under test is given, and what it has done: nothing yet."""
    the_host.reset()
    yield the_host
    the_host.reset()
