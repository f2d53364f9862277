"""Clients of a node that all talk to it in one way, and the cables between them."""

import asyncio
import collections
import json
import urllib.request

import centrifuge
from tokens import token

# Only what hangs takes so long.
DEADLINE = 60


def _recorder(base):
    """A handler of events that keeps all of them for whoever waits."""

    class Recorder(base):
        def __init__(self):
            self.came = collections.defaultdict(asyncio.Queue)

        async def next(self, name):
            """The next event of this name."""
            return await within(f"`{name}` comes", self.came[name].get())

    for name in dir(base):
        if name.startswith("on_"):

            async def keep(self, context, name=name.removeprefix("on_")):
                self.came[name].put_nowait(context)

            setattr(Recorder, name, keep)
    return Recorder


ClientEvents = _recorder(centrifuge.ClientEventHandler)
SubscriptionEvents = _recorder(centrifuge.SubscriptionEventHandler)


async def within(what, awaitable):
    """What it comes to, or an error that says what was waited for."""
    try:
        return await asyncio.wait_for(awaitable, DEADLINE)
    except asyncio.TimeoutError:
        raise AssertionError(f"waited too long until {what}") from None


class Cable:
    """What a client is connected to the node by, and can be cut off by."""

    def __init__(self, port):
        self.to = port
        self.is_whole = True
        self.ends = set()

    async def lay(self):
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.server = server
        return self

    def cut(self):
        """Breaks all connections, and lets no new ones through, until it is mended."""
        self.is_whole = False
        for end in self.ends:
            end.transport.abort()

    def mend(self):
        self.is_whole = True

    async def _connect(self, reader, writer):
        node_reader, node_writer = await asyncio.open_connection("127.0.0.1", self.to)
        if not self.is_whole:
            node_writer.transport.abort()
            writer.transport.abort()
            return
        ends = {writer, node_writer}
        self.ends |= ends
        pass_on = (self._pass_on(reader, node_writer), self._pass_on(node_reader, writer))
        await asyncio.gather(*pass_on)
        self.ends -= ends

    async def _pass_on(self, reader, writer):
        try:
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        writer.close()


class Stage:
    """A node, and clients of it that write what they send as JSON or as protobuf."""

    def __init__(self, port, secret, encoding):
        self.port, self.secret, self.encoding = port, secret, encoding
        self.clients = []

    def token(self, **claims):
        return token(self.secret, **claims)

    def client(self, port=None, **options):
        """A client that is not connected."""
        client = centrifuge.Client(
            f"ws://127.0.0.1:{port or self.port}/connection/websocket",
            events=ClientEvents(),
            use_protobuf=self.encoding == "protobuf",
            min_reconnect_delay=0.01,
            max_reconnect_delay=0.1,
            proxy=None,
            **options,
        )
        self.clients.append(client)
        return client

    async def user(self, name, port=None, **claims):
        """A client of a user, connected."""
        client = self.client(port, token=self.token(sub=name, **claims))
        await client.connect()
        await client.events.next("connected")
        return client

    async def subscribed(self, client, channel, **options):
        """A subscription that the node has taken."""
        events = SubscriptionEvents()
        subscription = client.new_subscription(channel, events=events, **options)
        await subscription.subscribe()
        await events.next("subscribed")
        return subscription

    def write(self, value):
        """A value as a client sends it."""
        return json.dumps(value).encode() if self.encoding == "protobuf" else value

    def read(self, data):
        """A value as it was sent."""
        return json.loads(data) if self.encoding == "protobuf" else data

    async def publications(self, events, count):
        """What the next publications say, and their offsets."""
        came = [(await events.next("publication")).pub for _ in range(count)]
        return [self.read(pub.data) for pub in came], [pub.offset for pub in came]

    async def publish(self, event):
        """Publishes an event by HTTP; returns what is answered."""

        def post():
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.port}/v1/events",
                data=json.dumps(event).encode(),
                headers={"content-type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
                return json.load(answer)

        return await asyncio.to_thread(post)

    async def rest(self):
        """Ends what a check has begun."""
        for client in self.clients:
            await client.disconnect()
        self.clients.clear()
