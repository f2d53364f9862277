"""What the manifest says: `config` and `secrets`; and the node's log."""

from __future__ import annotations

from typing import Any, overload

from . import _node
from ._errors import SecretError


#: In a class the name is a method's.
Bytes = bytes


class _Config:
    """The manifest's `[config]`."""

    @overload
    def get(self, key: str) -> str | None: ...
    @overload
    def get(self, key: str, default: str) -> str: ...
    def get(self, key: str, default: str | None = None) -> str | None:
        value = _node.current.config(key)
        return default if value is None else value

    def __getitem__(self, key: str) -> str:
        value = _node.current.config(key)
        if value is None:
            raise KeyError(f"there is no `{key}` in `[config]` of the manifest")
        return value

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _node.current.config(key) is not None

    def all(self) -> dict[str, str]:
        return dict(_node.current.config_all())


class _Secrets:
    """What the manifest's `[secrets]` names. Ask anew each time: secrets are replaced."""

    def __getitem__(self, key: str) -> str:
        return self.get(key)

    def get(self, key: str) -> str:
        value = self.bytes(key)
        try:
            return value.decode()
        except ValueError:
            raise SecretError("not-text", f"the secret `{key}` is no text; use secrets.bytes") from None

    def bytes(self, key: str) -> Bytes:
        value = _node.current.secret(key)
        return value.encode() if isinstance(value, str) else value


class _Log:
    """Writes to the node's log under the plugin's name, as `print` and `logging` do."""

    def trace(self, *values: Any) -> None:
        _log("trace", values)

    def debug(self, *values: Any) -> None:
        _log("debug", values)

    def info(self, *values: Any) -> None:
        _log("info", values)

    def warn(self, *values: Any) -> None:
        _log("warn", values)

    def error(self, *values: Any) -> None:
        _log("error", values)


def _log(level: str, values: tuple[Any, ...]) -> None:
    _node.current.log(level, "", " ".join(str(value) for value in values))


config = _Config()
secrets = _Secrets()
log = _Log()
