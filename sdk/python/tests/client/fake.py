"""A node that answers what a test says, when it says so."""

from __future__ import annotations

import asyncio
import json
import logging
import unittest
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from hearken.client import Client

EPOCH = "00000000000000aa"

LISTEN = "GET /v1/events"
PUBLISH = "POST /v1/events"
READ = "GET /v1/channels/orders/events"
LATEST = "GET /v1/channels/orders/latest"
CURSOR = "GET /v1/channels/orders/cursors/worker"
KEEP = "PUT /v1/channels/orders/cursors/worker"


class Exchange:
    """What was asked, and how it is answered."""

    def __init__(self, method: str, target: str, headers: dict[str, str], text: bytes, node: FakeNode) -> None:
        parts = urlsplit(target)
        self.what = f"{method} {unquote(parts.path)}"
        self.query = dict(parse_qsl(parts.query))
        self.headers = headers
        self.text = text
        self._writer: asyncio.StreamWriter
        self.answered = asyncio.Event()
        self._gone = asyncio.Event()

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    async def gone(self) -> None:
        """Waits until whoever asked is gone."""
        await self._gone.wait()

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} x", *(f"{name}: {value}" for name, value in headers.items())]
        lines.append(f"content-length: {len(body)}")
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.answered.set()

    def json(self, status: int, value: Any) -> None:
        self.send(status, json.dumps(value).encode(), {"content-type": "application/json"})

    def problem(self, status: int, code: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        kind = f"urn:hearken:problem:{code}"
        problem = {"type": kind, "title": code, "status": status, "detail": "as the test says", **more}
        self.send(status, json.dumps(problem).encode(), {"content-type": "application/problem+json", **(headers or {})})

    def stream(self) -> Exchange:
        """Answers with a stream."""
        self._writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        )
        self.write("retry: 1000\n: listening\n\n")
        return self

    def write(self, text: str | bytes) -> None:
        piece = text.encode() if isinstance(text, str) else text
        self._writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def event(self, event: dict[str, Any], id: str | None = None) -> None:
        self.write(message(event, id))

    async def drained(self) -> None:
        await self._writer.drain()

    def raw(self, text: bytes) -> None:
        self._writer.write(text)

    def cut(self) -> None:
        """Breaks the connection, behind what was written."""
        self._writer.close()
        self.answered.set()


def message(event: dict[str, Any], id: str | None = None) -> str:
    return f"id: {id or event['id']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n"


_made = iter(range(1, 1_000_000))


def shown(event_type: str, **more: Any) -> dict[str, Any]:
    """An event as a node shows it."""
    time = "2026-11-21T16:34:22.102Z"
    return {
        "specversion": "1.0", "id": f"e-{next(_made)}", "source": "/tests", "type": event_type, "time": time,
        "recordedtime": time, "datacontenttype": "application/json", "distributed": False, "origin": "fake",
        "localorigin": True, **more,
    }


def stored(sequence: int, event_type: str = "custom.a", **more: Any) -> dict[str, Any]:
    """An event of the channel `orders`."""
    return shown(event_type, id=f"o-{sequence}", channel="orders", sequence=sequence, **more)


def page(events: list[dict[str, Any]], last: int | None = None, **more: Any) -> dict[str, Any]:
    """A page of the channel `orders`."""
    next = events[-1]["sequence"] if events else 0
    last = next if last is None else last
    return {"channel": "orders", "epoch": EPOCH, "events": events, "next": next, "last": last, **more}


def at(number: int) -> str:
    return f"{EPOCH}-{number}"


class FakeNode:
    """A fake node."""

    def __init__(self) -> None:
        self._come: list[Exchange] = []
        self._waiting: list[tuple[str, asyncio.Future[Exchange]]] = []
        self._connections: set[asyncio.StreamWriter] = set()
        self.server: asyncio.Server
        self.url: str

    @classmethod
    async def start(cls) -> FakeNode:
        node = cls()
        node.server = await asyncio.start_server(node._serve, "127.0.0.1", 0)
        node.url = "http://127.0.0.1:%d" % node.server.sockets[0].getsockname()[1]
        return node

    def stop(self) -> None:
        self.server.close()
        for writer in self._connections:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        exchange = None
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = dict(line.split(": ", 1) for line in head[1:] if line)
                text = await reader.readexactly(int(headers.get("content-length", 0)))
                exchange = Exchange(method, target, headers, text, self)
                exchange._writer = writer
                self._take(exchange)
                ended = asyncio.ensure_future(reader.read(1))
                answered = asyncio.ensure_future(exchange.answered.wait())
                done, _ = await asyncio.wait({ended, answered}, return_when=asyncio.FIRST_COMPLETED)
                if ended in done:
                    answered.cancel()
                    ended.exception()
                    break
                ended.cancel()
                await asyncio.wait({ended})
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if exchange is not None:
                exchange._gone.set()
            self._connections.discard(writer)
            writer.close()

    def _take(self, exchange: Exchange) -> None:
        for wanted in self._waiting:
            if wanted[0] == exchange.what:
                self._waiting.remove(wanted)
                wanted[1].set_result(exchange)
                return
        self._come.append(exchange)

    async def next(self, what: str) -> Exchange:
        """The next request of this method and path."""
        for exchange in self._come:
            if exchange.what == what:
                self._come.remove(exchange)
                return exchange
        future: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        self._waiting.append((what, future))
        return await asyncio.wait_for(future, 20)

    @property
    def unseen(self) -> list[str]:
        """Requests that no test has looked at."""
        return [exchange.what for exchange in self._come]


class Told:
    """What is told under a name, one after the other."""

    def __init__(self, emitter: Any, name: str) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        emitter.on(name, self._come)

    def _come(self, what: Any = None) -> None:
        self._queue.put_nowait(what)

    async def next(self) -> Any:
        return await asyncio.wait_for(self._queue.get(), 20)

    @property
    def is_empty(self) -> bool:
        return self._queue.empty()


class WithNode(unittest.IsolatedAsyncioTestCase):
    """A node and a client of it for each test."""

    options: dict[str, Any] = {}

    async def asyncSetUp(self) -> None:
        # Of what breaks here the tests look at the errors.
        logging.getLogger("hearken.client").setLevel(logging.ERROR)
        self.node = await FakeNode.start()
        self.errors: list[Any] = []
        self.client = self.make()

    def make(self, **options: Any) -> Client:
        """A client of the node whose errors are kept."""
        client = Client(self.node.url, **{"min_pause": 0.001, "max_pause": 0.005, **options})
        client.on("error", self.errors.append)
        self.addAsyncCleanup(client.close)
        return client

    async def asyncTearDown(self) -> None:
        self.node.stop()

    async def next(self, what: str) -> Exchange:
        return await self.node.next(what)
