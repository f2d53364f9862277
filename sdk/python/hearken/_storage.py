"""`bucket`: the node's key-value store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import _node
from ._errors import KeyValueError
from ._values import from_json, stored


class Bucket:
    """A bucket of the node's key-value store. Values are JSON, bytes as they are."""

    __slots__ = ("name", "_store")

    def __init__(self, name: str, store: Any) -> None:
        self.name = name
        self._store = store

    def get(self, key: str, default: Any = None) -> Any:
        """The value, read as JSON; `default` if there is none."""
        value = self._store.get(key)
        return default if value is None else _read(key, value)

    def get_bytes(self, key: str) -> bytes | None:
        return self._store.get(key)

    def set(self, key: str, value: Any) -> None:
        self._store.set(key, stored(value))

    def delete(self, key: str) -> None:
        self._store.delete(key)

    def has(self, key: str) -> bool:
        return self._store.exists(key)

    __contains__ = has

    def keys(self, next: int | None = None) -> tuple[list[str], int | None]:
        """A page of keys, the first, or the one that another has named; and what names the next,
        if there is one."""
        return self._store.list_keys(next)

    def increment(self, key: str, by: int = 1) -> int:
        """Adds to the number under the key in one step, from 0 if there is none; returns the sum."""
        if not isinstance(by, int) or by < 0:
            raise ValueError("increment: by a whole number that is not below zero")
        return self._store.increment(key, by)

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Those of the values that there are."""
        return {key: _read(key, value) for key, value in self._store.get_many(list(keys))}

    def set_many(self, entries: dict[str, Any]) -> None:
        self._store.set_many([(key, stored(value)) for key, value in entries.items()])

    def delete_many(self, keys: Iterable[str]) -> None:
        self._store.delete_many(list(keys))


def _read(key: str, value: bytes) -> Any:
    try:
        return from_json(value.decode())
    except ValueError:
        raise KeyValueError("not-json", f"the value of `{key}` is not JSON; use get_bytes") from None


def bucket(name: str) -> Bucket:
    """Opens a bucket, which need not exist before. Needs `[allow] keyvalue`. Raises `KeyValueError`."""
    return Bucket(name, _node.current.bucket(name))
