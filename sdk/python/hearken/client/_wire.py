"""HTTP/1.1 over a connection of asyncio (RFC 9112), as much of it as a node speaks."""

from __future__ import annotations

import asyncio
import ssl
from typing import AsyncGenerator

from ._errors import ConnectionLostError, HearkenError

# Bytes of a line of a head, and lines of one.
_MAX_LINE = 64 << 10
_MAX_LINES = 256

# Bytes that are read at once.
_PIECE = 64 << 10

# Bytes of a whole answer, as many as a node takes of another one. The largest is a page of a
# channel: one event of up to 64 MiB, a third longer in base64, or several of 4 MiB together, whose
# JSON has up to six times that where all of it is escaped. What is longer would take the program's
# memory.
LARGEST_ANSWER = 128 << 20

# Digits of a size: those of 64 bits in hexadecimal.
_MAX_DIGITS = 16

_HEX = frozenset("0123456789abcdefABCDEF")


class Answer:
    """The head of an answer; its body is read once."""

    def __init__(self, connection: Connection, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body, as it comes. When it has ended, the connection is ready for another request,
        unless the node says that it is not."""
        reader = self._connection.reader
        if self.status in (204, 304):
            pass
        elif self.headers.get("transfer-encoding", "").lower().endswith("chunked"):
            while size := _chunk_size(await read_line(reader)):
                async for piece in _exactly(reader, size):
                    yield piece
                if await read_line(reader):
                    raise HearkenError("protocol", "the answer has a chunk that is longer than its size")
            for _ in range(_MAX_LINES):
                if not await read_line(reader):
                    break
            else:
                raise HearkenError("protocol", "the answer has too many trailers")
        elif "content-length" in self.headers:
            async for piece in _exactly(reader, _length(self.headers["content-length"])):
                yield piece
        else:
            while piece := await reader.read(_PIECE):
                yield piece
            return
        self._connection.is_free = self.headers.get("connection", "").lower() != "close"

    async def body(self) -> bytes:
        """All of the body."""
        body = bytearray()
        async for piece in self.pieces():
            if len(body) + len(piece) > LARGEST_ANSWER:
                raise HearkenError("too-large", f"an answer has more than {LARGEST_ANSWER} bytes")
            body += piece
        return bytes(body)


class Connection:
    """A connection to a node, for one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer
        #: Whether another request can be sent.
        self.is_free = True

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
        """Connects."""
        reader, writer = await asyncio.open_connection(host, port, ssl=tls, limit=_MAX_LINE)
        return cls(reader, writer)

    @property
    def is_usable(self) -> bool:
        """Whether it is free, and still there as far as is known."""
        return self.is_free and not self.reader.at_eof() and not self._writer.is_closing()

    async def ask(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
        """Sends a request, and reads the head of its answer."""
        self.is_free = False
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if body is not None:
            lines.append(f"content-length: {len(body)}")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header of a request has a line break")
        self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))
        await self._writer.drain()
        while True:
            status, fields = await self._head()
            if status >= 200:
                return Answer(self, status, fields)

    async def _head(self) -> tuple[int, dict[str, str]]:
        version, _, rest = (await read_line(self.reader)).partition(" ")
        status = rest[:3]
        if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdigit()):
            raise HearkenError("protocol", "the answer is not HTTP/1.1")
        headers: dict[str, str] = {}
        for _ in range(_MAX_LINES):
            line = await read_line(self.reader)
            if not line:
                return int(status), headers
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        raise HearkenError("protocol", "the answer has too many headers")

    def close(self) -> None:
        """Ends it at once, whatever is under way."""
        self._writer.transport.abort()


async def read_line(reader: asyncio.StreamReader) -> str:
    """A line without its end."""
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        raise ConnectionLostError("the connection has ended amid an answer") from error
    except asyncio.LimitOverrunError as error:
        raise HearkenError("protocol", "the answer has a line that is too long") from error
    return line.decode("latin-1").rstrip("\r\n")


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncGenerator[bytes, None]:
    while size > 0:
        piece = await reader.read(min(size, _PIECE))
        if not piece:
            raise ConnectionLostError("the connection has ended amid an answer")
        size -= len(piece)
        yield piece


def _chunk_size(line: str) -> int:
    # Of an extension nothing is used; before it there may be spaces (RFC 9112, section 7.1.1).
    text = line.partition(";")[0].rstrip(" \t")
    if not 0 < len(text) <= _MAX_DIGITS or not _HEX.issuperset(text):
        raise HearkenError("protocol", "the answer has a chunk without a size")
    return int(text, 16)


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise HearkenError("protocol", "the answer has a length that is no number")
    return int(text)
