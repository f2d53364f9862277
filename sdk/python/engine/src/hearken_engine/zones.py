"""Time zones: those of the package `tzdata`, which are read while the engine is built."""

import io
import zoneinfo
from importlib import resources
from zoneinfo import _common, _tzpath

_zones: dict[str, bytes] = {}


def _read(folder: resources.abc.Traversable, prefix: str) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            _read(entry, f"{prefix}{entry.name}/")
        elif (content := entry.read_bytes()).startswith(b"TZif"):
            _zones[prefix + entry.name] = content


def _load(key: str) -> io.BytesIO:
    if key not in _zones:
        raise zoneinfo.ZoneInfoNotFoundError(f"there is no time zone {key!r}")
    return io.BytesIO(_zones[key])


def _available() -> set[str]:
    return set(_zones)


_read(resources.files("tzdata.zoneinfo"), "")
# Whatever asks for a zone comes by here, since there are no files that it could be in.
_common.load_tzdata = _load
_tzpath.available_timezones = zoneinfo.available_timezones = _available
_tzpath.reset_tzpath(to=())
