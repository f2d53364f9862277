"""What the client library for Python does with a node: `python3 client.py WHAT URL KEY`."""

import asyncio
import json
import os
import ssl
import sys

from hearken.client import Client, HearkenError, ProblemError

EVENTS = 400
# Bounds what only waits for the node.
PATIENCE = 60

what, url, key = sys.argv[1:]


async def refused(awaitable):
    """The problem that it ends with."""
    try:
        await awaitable
    except ProblemError as error:
        return error
    raise AssertionError("it was not refused")


async def what_is_emitted_is_heard_with_its_attributes(client):
    heard = client.once("custom.cart.added", "tea", timeout="30s")
    sent = await client.emit("cart.added", subject="tea", data={"n": 10**20}, extensions={"colour": "red"})
    event = await heard
    assert event.id == sent["id"]
    assert event.data == {"n": 10**20}
    assert event.extensions == {"colour": "red"}
    assert event.source == "/clients/python"
    raw = client.once("custom.raw", timeout="30s")
    await client.emit("raw", data=bytes(range(256)))
    assert (await raw).data == bytes(range(256))


async def events_come_in_order_also_while_more_is_listened_to(client):
    heard = []
    done = asyncio.Event()

    @client.on("custom.flow")
    def flow(event):
        heard.append(event.data)
        if event.data == 299:
            done.set()

    await client.once("ready")
    sent = [asyncio.ensure_future(client.emit("flow", data=data)) for data in range(300)]
    for at in range(0, 300, 50):
        client.on(f"custom.more{at}", print)
        await sent[at]
    await asyncio.gather(*sent)
    await asyncio.wait_for(done.wait(), PATIENCE)
    assert heard == list(range(300)), heard


async def what_may_not_be_listened_to_is_told_and_the_rest_goes_on(client):
    heard = client.once("custom.allowed")
    error = client.once("error")
    client.on("custom.a", print)
    client.on("plugin.*", print)
    told = await asyncio.wait_for(error, PATIENCE)
    assert (told.status, told.pattern) == (403, "plugin.*")
    await client.emit("allowed")
    await asyncio.wait_for(heard, PATIENCE)
    assert (await refused(client.emit("a", channel="none"))).code == "no-channel"


async def a_wrong_key_is_refused(client):
    async with Client(url, key=key + "x") as stranger:
        assert (await refused(stranger.emit("a"))).status == 401
        error = stranger.once("error")
        stranger.on("custom.a", print)
        assert (await error).status == 401


async def a_channel_takes_what_is_expected_once_alone_and_together(client):
    orders = client.channel("orders")
    last = (await orders.latest(1)).last
    first = await orders.append("order.paid", id="paid-1", data=1, expect=last)
    assert first["sequence"] == last + 1
    again = await orders.append("order.paid", id="paid-1", data=1)
    assert (again["sequence"], again["duplicate"]) == (first["sequence"], True)
    conflict = await refused(orders.append("order.paid", expect=last))
    assert (conflict.status, conflict.code, conflict.last) == (412, "conflict", last + 1)
    batch = await orders.append_all([{"type": "order.sent"}, {"type": "order.sent", "subject": "s"}], expect=last + 1)
    assert [one["sequence"] for one in batch] == [last + 2, last + 3]
    page = await orders.read(after=last, type="custom.order.*")
    assert [event.sequence for event in page.events] == [last + 1, last + 2, last + 3]
    assert (await orders.event(first["sequence"])).data == 1


async def events_that_are_not_kept_any_more_are_a_gap(client):
    short = client.channel("short", from_="first")
    await short.append_all([{"type": "n", "data": data} for data in range(10)])
    gap, heard = short.once("gap"), short.once("custom.n")
    numbers = await asyncio.wait_for(gap, PATIENCE)
    assert numbers.first == 1
    assert (await asyncio.wait_for(heard, PATIENCE)).sequence == numbers.last + 1


async def a_position_outlives_the_client(client):
    await client.channel("orders").append_all([{"type": "step", "data": 1}, {"type": "step", "data": 2}])
    for expected in (1, 2):
        async with Client(url, key=key) as other:
            steps = other.channel("orders", client="steps", limit=1)
            heard, drain = steps.once("custom.step"), steps.once("drain")
            assert (await asyncio.wait_for(heard, PATIENCE)).data == expected
            await asyncio.wait_for(drain, PATIENCE)


async def the_node_knows_who_it_is(client):
    assert (await client.whoami())["principal"] == "key:app"


CHECKS = [
    what_is_emitted_is_heard_with_its_attributes,
    events_come_in_order_also_while_more_is_listened_to,
    what_may_not_be_listened_to_is_told_and_the_rest_goes_on,
    a_wrong_key_is_refused,
    a_channel_takes_what_is_expected_once_alone_and_together,
    events_that_are_not_kept_any_more_are_a_gap,
    a_position_outlives_the_client,
    the_node_knows_who_it_is,
]


async def checks():
    for check in CHECKS:
        async with Client(url, key=key) as client:
            await check(client)
        print("ok: python:", check.__name__.replace("_", " "), flush=True)


async def survive():
    """Appends and reads while the node is killed."""
    heard = {"worker": [], "follower": [], "iterated": []}
    async with Client(url, key=key, timeout=120, max_pause=0.5) as client:
        client.on("error", lambda error: None)

        async def listen(name):
            channel = channel_of(name)
            ended = asyncio.Event()
            channel.on("custom.counted", lambda event: heard[name].append(event.data))
            channel.on("cycle", lambda cycle: heard[name][-1:] == [EVENTS] and ended.set())
            await ended.wait()

        async def iterate(name):
            async for event in channel_of(name).events("custom.counted"):
                heard[name].append(event.data)
                if event.data == EVENTS:
                    break

        def channel_of(name):
            channel = client.channel("orders", client=None if name == "follower" else name, from_="first", limit=7)
            channel.on("error", lambda error: None)
            return channel

        reading = [asyncio.ensure_future(work) for work in (listen("worker"), listen("follower"), iterate("iterated"))]
        orders = client.channel("orders")
        for number in range(1, EVENTS + 1):
            await orders.append("counted", data=number)
            if number % 50 == 0:
                print("stored", number, flush=True)
        await asyncio.gather(*reading)
    for name, numbers in heard.items():
        print(f"{name}: {json.dumps(numbers)}")


async def mortal():
    """Reads, says what it has handled, and may be killed meanwhile."""
    async with Client(url, key=key) as client:
        async for event in client.channel("orders", client="mortal", limit=20).events("custom.counted"):
            print(event.data, flush=True)
            if event.data == EVENTS:
                break


async def tls():
    """Of a node whose authority is known."""
    authority = ssl.create_default_context(cafile=os.environ["AUTHORITY"])
    async with Client(url, key=key, tls=authority) as client:
        heard = client.once("custom.a", timeout="30s")
        await client.emit("a", data="x" * 700_000)
        assert (await heard).data == "x" * 700_000
    print("ok: python: it talks over TLS")


async def distrust():
    """Of a node whose authority is not known."""
    async with Client(url, key=key) as client:
        error = client.once("error")
        client.on("custom.a", print)
        assert (await error).code == "certificate"
        try:
            await client.emit("a")
        except HearkenError as refused:
            assert (refused.code, refused.temporary) == ("certificate", False)
        else:
            raise AssertionError("a certificate of strangers was trusted")
    print("ok: python: a certificate of strangers is told")


asyncio.run({"checks": checks, "survive": survive, "mortal": mortal, "tls": tls, "distrust": distrust}[what]())
