"""`fetch`: requests to hosts that the manifest names."""

from __future__ import annotations

import json as _json
from typing import Any
from urllib.parse import urljoin, urlsplit

from . import _node
from ._errors import FetchError
from ._loop import Operation
from ._registry import registry
from ._values import MISSING, to_json

MAX_REDIRECTS = 20
#: In a class the name is a method's.
Bytes = bytes
_REDIRECTS = (301, 302, 303, 307, 308)


class Headers(dict[str, str]):
    """Names are in lower case, however they are asked for; of several of a name the values stand
    behind one another, separated by commas."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())


class Response:
    """An answer, whose body has come."""

    __slots__ = ("status", "headers", "url", "_body")

    def __init__(self, status: int, headers: Headers, url: str, body: Bytes) -> None:
        self.status = status
        self.headers = headers
        self.url = url
        self._body = body

    @property
    def ok(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status < 300

    def bytes(self) -> Bytes:
        return self._body

    def text(self) -> str:
        return self._body.decode(errors="replace")

    def json(self) -> Any:
        return _json.loads(self._body)

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.url}>"


class Fetch(Operation[Response]):
    """A request that is under way."""

    __slots__ = ("_request", "_url", "_answering", "_status", "_headers", "_chunks", "_redirects", "_follows")

    def __init__(self, url: str, request: dict[str, Any], follows: bool) -> None:
        self._request = request
        self._redirects = 0
        self._follows = follows
        self._answering: Any = None
        self._begin(url)
        super().__init__(self._answering.subscribe())

    def _begin(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise FetchError("invalid", f"fetch: {url!r} is no URL of http or https")
        if parts.username is not None:
            raise FetchError("invalid", "fetch: a URL has no user and no password; send a header")
        self._url = url
        self._chunks: list[bytes] | None = None
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._answering = _node.current.request(parts.scheme, parts.netloc, path, **self._request)

    def _take(self) -> bool:
        if self._chunks is None:
            answered = self._answering.get()
            if answered is None:
                return False
            self._status, headers = answered
            self._headers = Headers()
            for name, value in headers:
                name = name.lower()
                before = self._headers.get(name)
                self._headers[name] = value if before is None else f"{before}, {value}"
            target = self._headers.get("location")
            if self._follows and target is not None and self._status in _REDIRECTS:
                self._redirect(target)
                return False
            self._chunks = []
            self._next_pollable()
            return False
        while True:
            chunk = self._answering.read()
            if chunk is None:
                self._result = Response(self._status, self._headers, self._url, b"".join(self._chunks))
                return True
            if not chunk:
                return False
            self._chunks.append(chunk)

    def _redirect(self, target: str) -> None:
        self._redirects += 1
        if self._redirects > MAX_REDIRECTS:
            raise FetchError("redirects", f"fetch: {self._url} is redirected more than {MAX_REDIRECTS} times")
        method = self._request["method"]
        if (self._status == 303 and method != "HEAD") or (self._status in (301, 302) and method == "POST"):
            self._request = {**self._request, "method": "GET", "body": None}
        url = urljoin(self._url, target)
        if urlsplit(url)[:2] != urlsplit(self._url)[:2]:
            # What is for one host is not for another.
            private = ("authorization", "cookie")
            headers = [(name, value) for name, value in self._request["headers"] if name.lower() not in private]
            self._request = {**self._request, "headers": headers}
        self._close()
        self._begin(url)
        self._next_pollable()

    def _next_pollable(self) -> None:
        if self._pollable is not None:
            self._pollable.__exit__(None, None, None)
        self._pollable = self._answering.subscribe()

    def _close(self) -> None:
        super()._close()
        if self._answering is not None:
            self._answering.close()
            self._answering = None


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | str | None = None,
    json: Any = MISSING,
    redirect: bool = True,
) -> Fetch:
    """Begins a request to a host that `[allow] http` of the manifest names: `await` it, several
    side by side with `asyncio.gather`, or take its `result()` where the handler is not `async`.
    With `json` this is the body, as JSON. Raises `FetchError` where there is no answer."""
    registry.check_done("fetch")
    given = list((headers or {}).items())
    names = {name.lower() for name, _ in given}
    if json is not MISSING:
        if body is not None:
            raise TypeError("fetch: a body, or json, and not both")
        body = to_json(json)
        if "content-type" not in names:
            given.append(("content-type", "application/json"))
    elif isinstance(body, str):
        body = body.encode()
        if "content-type" not in names:
            given.append(("content-type", "text/plain;charset=UTF-8"))
    request = {"method": method.upper(), "headers": given, "body": body}
    return Fetch(url, request, redirect)
