"""What to do instead of what plugins cannot do, for who has not read it."""

import errno
import socket

_FILES = "plugins have no files: what has to last belongs into a `bucket` or a channel"
_SOCKETS = "plugins have no sockets: `fetch` makes requests"
_THREADS = "plugins have no threads: `async` functions and asyncio.gather do several things at once"
_PROCESSES = "plugins start no processes"
_INPUT = "nobody types: what a plugin needs comes with an event, or from `config`"


def of(error: BaseException) -> str | None:
    """What to say behind an error, if there is something."""
    if isinstance(error, EOFError):
        return _INPUT
    if isinstance(error, socket.gaierror):
        return _SOCKETS
    if isinstance(error, OSError):
        return _of_system(error)
    text = str(error.args[0]) if error.args else ""
    if isinstance(error, RuntimeError) and text == "can't start new thread":
        return _THREADS
    if isinstance(error, TypeError) and text.startswith("send() takes 1 positional argument"):
        return "the data is `data=…`"
    if isinstance(error, ImportError) and text.startswith("attempted relative import with no known parent"):
        return "of a plugin that is one file, write `import _name`"
    if isinstance(error, (NameError, AttributeError, ImportError)):
        return _meant(error)
    return None


def _of_system(error: OSError) -> str | None:
    if error.strerror and "processes" in error.strerror:
        return _PROCESSES
    if isinstance(error, FileNotFoundError) or error.filename is not None:
        return _FILES
    return _SOCKETS if error.errno in (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTSUP) else None


def _meant(error: BaseException) -> str | None:
    """The name that is most like the one that is not there, as CPython says it where it is shown."""
    import traceback

    told = traceback.TracebackException(type(error), error, error.__traceback__, limit=0, compact=True)
    _, found, name = "".join(told.format_exception_only()).rpartition("Did you mean: ")
    return f"did you mean {name.strip().rstrip('?')}?" if found else None
