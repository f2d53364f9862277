"""Requests to a node."""

from __future__ import annotations

import asyncio
import inspect
import json
import ssl
from typing import Any, AsyncGenerator, Awaitable, Callable, Mapping, TypeVar, Union
from urllib.parse import quote, urlencode, urlsplit

from ._errors import ClosedError, ConnectionLostError, HearkenError, WaitTimeoutError, problem_of
from ._sse import Message, Parser
from ._wire import Answer, Connection

T = TypeVar("T")

#: A key or a token, or what answers one.
Key = Union[str, Callable[[], Union[str, Awaitable[str]]], None]

# Connections that are kept for the next request.
_IDLE = 8


class Stream:
    """A stream that the node has begun."""

    def __init__(self, connection: Connection, answer: Answer, silence: float) -> None:
        self._connection = connection
        self._answer = answer
        self._silence = silence
        self._is_silent = False

    async def pieces(self) -> AsyncGenerator[list[Message], None]:
        """Lists of the messages that have come together. It never ends, but with an error."""
        parser = Parser()
        loop = asyncio.get_running_loop()
        pieces = self._answer.pieces()
        try:
            while True:
                # Whoever takes their time with a message is not the node's silence.
                timer = loop.call_later(self._silence, self._be_silent)
                try:
                    piece = await pieces.__anext__()
                finally:
                    timer.cancel()
                if messages := parser.push(piece):
                    yield messages
        except StopAsyncIteration:
            raise self._why("the stream has ended") from None
        except (OSError, ConnectionLostError) as error:
            raise self._why(str(error)) from error
        finally:
            self.close()

    def close(self) -> None:
        """Ends it."""
        self._connection.close()

    def _be_silent(self) -> None:
        self._is_silent = True
        self.close()

    def _why(self, otherwise: str) -> ConnectionLostError:
        return ConnectionLostError(f"nothing has come for {self._silence:g} s" if self._is_silent else otherwise)


class Http:
    """Asks a node, with the credential of its client."""

    def __init__(self, url: str, *, key: Key, tls: ssl.SSLContext | None, timeout: float, silence: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f'{url} is no URL of a node, such as "http://127.0.0.1:7070"')
        if key is not None and not isinstance(key, str) and not callable(key):
            raise TypeError("a key is a text, or a function that answers one")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._named = parts.netloc.rpartition("@")[2]
        self._path = parts.path.rstrip("/")
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._key = key
        self.timeout = timeout
        self._silence = silence
        self._idle: list[Connection] = []
        self._closing: asyncio.Future[None] | None = None
        self.is_closed = False

    def close(self) -> None:
        """Ends all that is under way."""
        self.is_closed = True
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def json(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Asks, and reads the answer as JSON; ``None`` of an answer without a body."""
        return await self.bounded(self._whole(method, path, query, headers, body), timeout or self.timeout)

    async def stream(self, path: str, *, query: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Stream:
        """Opens a stream; returns once the node has answered."""
        return await self.bounded(self._begin(path, query, headers), self.timeout, Stream.close)

    async def sleep(self, pause: float) -> None:
        """Waits, unless the client is closed."""
        await self.bounded(asyncio.sleep(pause), None)

    async def bounded(
        self, work: Awaitable[T], timeout: float | None, unwanted: Callable[[T], None] | None = None
    ) -> T:
        """What comes of it, unless that takes too long or the client is closed. What comes when
        nobody waits for it any more is handed to `unwanted`."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_future()
            if self.is_closed:
                self._closing.set_result(None)
        task = asyncio.ensure_future(work)
        either: set[asyncio.Future[Any]] = {task, self._closing}
        taken = False
        try:
            await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                taken = True
                return task.result()
        finally:
            if not taken:
                task.cancel()
                await asyncio.wait({task})
                if unwanted is not None and not task.cancelled() and task.exception() is None:
                    unwanted(task.result())
        if self.is_closed:
            raise ClosedError()
        raise WaitTimeoutError(f"no answer came within {timeout:g} s")

    async def _whole(self, method: str, path: str, query: Any, headers: Any, body: bytes | None) -> Any:
        connection, answer = await self._ask(method, path, query, headers, body)
        try:
            content = await answer.body()
        except OSError as error:
            raise ConnectionLostError(f"the node does not answer: {error}") from error
        finally:
            self._give_back(connection)
        if not 200 <= answer.status < 300:
            raise problem_of(answer.status, answer.headers, content)
        if not content:
            return None
        try:
            return json.loads(content)
        except ValueError as error:
            raise HearkenError("protocol", "the answer is no JSON") from error

    async def _begin(self, path: str, query: Any, headers: Any) -> Stream:
        accept = {"accept": "text/event-stream", **(headers or {})}
        connection, answer = await self._ask("GET", path, query, accept, None)
        try:
            if answer.status != 200:
                raise problem_of(answer.status, answer.headers, await answer.body())
            kind = answer.headers.get("content-type", "")
            if not kind.startswith("text/event-stream"):
                raise HearkenError("protocol", f"the answer is {kind or 'of no type'}, and no stream of events")
        except OSError as error:
            connection.close()
            raise ConnectionLostError(f"the node does not answer: {error}") from error
        except BaseException:
            connection.close()
            raise
        return Stream(connection, answer, self._silence)

    async def _ask(
        self, method: str, path: str, query: Any, headers: Any, body: bytes | None
    ) -> tuple[Connection, Answer]:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = self._path + path + ("?" + urlencode(given, quote_via=quote) if given else "")
        fields = {"host": self._named, "user-agent": "hearken-sdk", **(headers or {})}
        key = await self._credential()
        if key is not None:
            fields["authorization"] = f"Bearer {key}"
        try:
            connection = await self._connection()
            try:
                return connection, await connection.ask(method, target, fields, body)
            except BaseException:
                connection.close()
                raise
        except ConnectionLostError:
            raise
        except OSError as error:
            raise ConnectionLostError(f"the node does not answer: {error}") from error

    async def _credential(self) -> str | None:
        if not callable(self._key):
            key = self._key
        else:
            try:
                answer = self._key()
                key = await answer if inspect.isawaitable(answer) else answer
            except Exception as error:
                raise HearkenError("no-key", f"there is no key: {error}", temporary=True) from error
        if key is None:
            return None
        # One that was read from a file may end with a line.
        key = key.strip()
        if not key or not all("!" <= character <= "~" for character in key):
            raise HearkenError("bad-key", "the key has characters that no key has")
        return key

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            connection.close()
        try:
            return await Connection.open(self._host, self._port, self._tls)
        except ssl.SSLCertVerificationError as error:
            # It does not pass by itself.
            raise HearkenError("certificate", f"the node's certificate is not trusted: {error}") from error
        except OSError as error:
            # Nothing was sent.
            raise ConnectionLostError(f"the node does not answer: {error}", unknown=False) from error

    def _give_back(self, connection: Connection) -> None:
        if connection.is_usable and len(self._idle) < _IDLE and not self.is_closed:
            self._idle.append(connection)
        else:
            connection.close()
