"""What a plugin prints and logs goes to the node's log, a line at a time."""

import io
import logging
import sys

from engine_world.imports import logging as node_log

from .bounds import MAX_LINE, beginning

LEVELS = {
    "trace": node_log.Level.TRACE,
    "debug": node_log.Level.DEBUG,
    "info": node_log.Level.INFO,
    "warn": node_log.Level.WARN,
    "error": node_log.Level.ERROR,
}

#: Whether there is something to flush.
waits = False


def log(level: str, context: str, message: str) -> None:
    node_log.log(LEVELS[level], beginning(context, MAX_LINE), beginning(message, MAX_LINE))


class _Lines(io.TextIOBase):
    """A stream whose lines are logged."""

    def __init__(self, level: str) -> None:
        self._level = level
        self._line = ""

    encoding = "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        global waits
        *lines, rest = (self._line + text).split("\n")
        for line in lines:
            log(self._level, "", line)
        # A line without an end goes out in pieces, and its last one waits.
        at = 0
        while len(rest) - at > MAX_LINE:
            log(self._level, "", rest[at : at + MAX_LINE])
            at += MAX_LINE
        self._line = rest[at:] if at else rest
        waits = waits or bool(rest)
        return len(text)

    def flush(self) -> None:
        if self._line:
            line, self._line = self._line, ""
            log(self._level, "", line)


class _Handler(logging.Handler):
    """What `logging` is told."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = "error" if record.levelno >= 40 else "warn" if record.levelno >= 30 else "info"
            level = "trace" if record.levelno < 10 else "debug" if record.levelno < 20 else level
            log(level, "" if record.name == "root" else record.name, self.format(record))
        except Exception:
            self.handleError(record)


_printed, _complained = _Lines("info"), _Lines("warn")


def flush() -> None:
    """Logs what was printed without the end of its line."""
    global waits
    waits = False
    _printed.flush()
    _complained.flush()


def install() -> None:
    """Which levels are shown the node decides."""
    sys.stdout = _printed
    sys.stderr = _complained
    logging.basicConfig(handlers=[_Handler()], level=logging.DEBUG, format="%(message)s")
    logging.getLogger("asyncio").setLevel(logging.WARNING)
