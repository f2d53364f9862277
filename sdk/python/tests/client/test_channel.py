from __future__ import annotations

import asyncio
from datetime import datetime, timezone

from hearken.client import ClosedError, Cycle, HearkenError, Numbers, ProblemError

from .fake import CURSOR, EPOCH, KEEP, LATEST, READ, Told, WithNode, at, message, page, stored


class WithChannel(WithNode):
    async def begin(self, after=None):
        """The request for the position of the client is answered."""
        asked = await self.next(CURSOR)
        if after is None:
            asked.problem(404, "no-cursor")
        else:
            asked.json(200, {"client": "worker", "after": after, "epoch": EPOCH})

    async def kept(self, number):
        """The position is given to the node, which takes it."""
        keep = await self.next(KEEP)
        self.assertEqual(keep.body, {"after": at(number)})
        keep.json(200, {})


class Pages(WithChannel):
    async def test_a_page_is_handed_over_told_as_cycle_and_acknowledged_by_asking_for_the_next(self):
        orders = self.client.channel("orders", client="worker", limit=10)
        steps = []

        @orders.on("custom.a")
        async def handle(event):
            await asyncio.sleep(0)
            steps.append(event.sequence)

        orders.on("cycle", steps.append)
        await self.begin()
        first = await self.next(READ)
        self.assertEqual(first.query, {"limit": "10", "client": "worker", "type": "custom.a"})
        first.json(200, page([stored(1), stored(2)], last=3))
        second = await self.next(READ)
        self.assertEqual(steps, [1, 2, Cycle("orders", None, at(2), 3, 2)])
        self.assertEqual(
            second.query, {"limit": "10", "client": "worker", "type": "custom.a", "after": at(2), "wait": "30s"}
        )
        second.json(200, page([stored(3)]))
        third = await self.next(READ)
        self.assertEqual(third.query["after"], at(3))
        self.assertEqual(steps[3:], [3, Cycle("orders", at(2), at(3), 3, 1)])

    async def test_it_goes_on_where_the_node_says_that_the_client_is(self):
        self.client.channel("orders", client="worker", from_="new").on("*", print)
        await self.begin(41)
        self.assertEqual((await self.next(READ)).query["after"], at(41))

    async def test_drain_is_told_when_nobody_listens_and_no_request_is_under_way(self):
        orders = self.client.channel("orders", client="worker")
        drain = Told(orders, "drain")
        heard = Told(orders, "custom.a")
        await self.begin()
        (await self.next(READ)).json(200, page([stored(1)]))
        await heard.next()
        waits = await self.next(READ)
        orders.off("custom.a")
        await waits.gone()
        self.assertTrue(drain.is_empty)
        # Whether the node has got the position with what was given up is not known.
        await self.kept(1)
        self.assertEqual(await drain.next(), "orders")
        self.assertEqual(self.node.unseen, [])
        # Whoever listens again goes on there.
        again = Told(orders, "custom.b")
        asked = await self.next(READ)
        self.assertEqual(asked.query, {"client": "worker", "type": "custom.b", "after": at(1)})
        asked.json(200, page([stored(2, "custom.b")]))
        await again.next()

    async def test_who_stops_in_a_cycle_has_nothing_asked_for_any_more_and_the_position_kept(self):
        orders = self.client.channel("orders", client="worker")
        drain = Told(orders, "drain")
        orders.on("cycle", lambda cycle: orders.off("*"))
        orders.on("*", lambda event: None)
        await self.begin()
        (await self.next(READ)).json(200, page([stored(1), stored(2)]))
        await self.kept(2)
        await drain.next()
        self.assertEqual(self.node.unseen, [])

    async def test_close_keeps_what_was_handled_and_not_what_is_being_handled(self):
        orders = self.client.channel("orders", client="worker")
        begun = asyncio.Event()
        ever = asyncio.Event()

        @orders.on("*")
        async def handle(event):
            if event.sequence == 2:
                begun.set()
                await ever.wait()

        await self.begin()
        (await self.next(READ)).json(200, page([stored(1), stored(2), stored(3)]))
        await begun.wait()
        closing = asyncio.ensure_future(self.client.close())
        await self.kept(1)
        await closing
        ever.set()

    async def test_a_handler_may_close_the_client(self):
        orders = self.client.channel("orders", client="worker")
        closed = asyncio.Event()

        @orders.on("*")
        async def handle(event):
            await self.client.close()
            closed.set()

        await self.begin(0)
        (await self.next(READ)).json(200, page([stored(1)]))
        await asyncio.wait_for(closed.wait(), 20)

    async def test_an_event_whose_handler_fails_is_handed_to_that_again_and_those_behind_it_wait(self):
        orders = self.client.channel("orders", client="worker")
        errors = Told(orders, "error")
        calls = []
        orders.on("*", lambda event: calls.append(f"a{event.sequence}"))

        @orders.on("*")
        async def second(event):
            calls.append(f"b{event.sequence}")
            if len(calls) < 4:
                raise ValueError("busy")

        await self.begin()
        (await self.next(READ)).json(200, page([stored(1), stored(2)]))
        await self.next(READ)
        self.assertEqual(calls, ["a1", "b1", "b1", "b1", "a2", "b2"])
        error = await errors.next()
        self.assertEqual((error.code, str(error.__cause__), error.event.sequence), ("handler", "busy", 1))
        self.assertIsInstance(error.retry_in, float)

    async def test_reading_goes_on_behind_what_was_handled_when_the_connection_breaks(self):
        orders = self.client.channel("orders", client="worker")
        errors = Told(orders, "error")
        heard = Told(orders, "*")
        await self.begin(0)
        (await self.next(READ)).json(200, page([stored(1)]))
        self.assertEqual((await heard.next()).sequence, 1)
        (await self.next(READ)).cut()
        (await self.next(READ)).problem(503, "node-away")
        cut = await self.next(READ)
        cut.raw(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"channel":')
        cut.cut()
        asked = await self.next(READ)
        self.assertEqual(asked.query["after"], at(1))
        asked.json(200, page([stored(2)]))
        self.assertEqual((await heard.next()).sequence, 2)
        self.assertEqual([(await errors.next()).code for _ in range(3)], ["connection", "node-away", "connection"])
        self.assertTrue(heard.is_empty)

    async def test_gaps_and_damaged_events_are_told_and_reading_goes_on_behind_them(self):
        orders = self.client.channel("orders", client="worker")
        gap = Told(orders, "gap")
        damaged = Told(orders, "damaged")
        heard = Told(orders, "*")
        await self.begin(1)
        (await self.next(READ)).json(200, page([stored(5)], gap={"first": 2, "last": 4}))
        self.assertEqual(await gap.next(), Numbers(2, 4))
        await heard.next()
        (await self.next(READ)).problem(409, "damaged", damaged={"first": 6, "last": 8})
        self.assertEqual(await damaged.next(), Numbers(6, 8))
        self.assertEqual((await self.next(READ)).query["after"], at(8))

    async def test_who_listens_to_more_types_goes_on_with_both(self):
        orders = self.client.channel("orders", client="worker")
        heard = Told(orders, "custom.a")
        await self.begin()
        (await self.next(READ)).json(200, page([stored(1)]))
        await heard.next()
        waits = await self.next(READ)
        more = Told(orders, "custom.b")
        await waits.gone()
        asked = await self.next(READ)
        self.assertEqual((asked.query["type"], asked.query["after"]), ("{custom.a,custom.b}", at(1)))
        asked.json(200, page([stored(2), stored(3, "custom.b")]))
        self.assertEqual((await heard.next()).sequence, 2)
        self.assertEqual((await more.next()).sequence, 3)


class Streams(WithChannel):
    async def test_without_a_client_it_is_a_stream_resumed_behind_what_was_handled(self):
        client = self.make(key="hrk_a")
        orders = client.channel("orders")
        ready, gap, damaged = Told(orders, "ready"), Told(orders, "gap"), Told(orders, "damaged")
        cycle, heard = Told(orders, "cycle"), Told(orders, "custom.a")
        (await self.next(LATEST)).json(200, page([stored(7)]))
        first = (await self.next(READ)).stream()
        self.assertEqual(first.headers["last-event-id"], at(7))
        self.assertEqual(first.headers["authorization"], "Bearer hrk_a")
        self.assertEqual(first.query, {"type": "custom.a"})
        await ready.next()
        first.event(stored(8), at(8))
        self.assertEqual((await heard.next()).sequence, 8)
        self.assertEqual(await cycle.next(), Cycle("orders", at(7), at(8), None, 1))
        first.write('event: gap\ndata: {"first":9,"last":10}\n\nevent: damaged\ndata: {"first":11,"last":11}\n\n')
        self.assertEqual(await gap.next(), Numbers(9, 10))
        self.assertEqual(await damaged.next(), Numbers(11, 11))
        # Nothing passed the filter, which is told so that it is not looked at again.
        first.write(f"id: {at(15)}\n\n")
        await cycle.next()
        await cycle.next()
        first.write(message(stored(16), at(16))[:-1])
        first.cut()
        second = (await self.next(READ)).stream()
        self.assertEqual(second.headers["last-event-id"], at(15))
        second.event(stored(16), at(16))
        self.assertEqual((await heard.next()).sequence, 16)
        self.assertTrue(heard.is_empty)

    async def test_a_channel_is_another_with_other_options(self):
        orders = self.client.channel("orders", from_="first")
        self.assertIs(self.client.channel("orders", from_="first"), orders)
        self.assertIsNot(self.client.channel("orders"), orders)
        await orders.close()
        self.assertIsNot(self.client.channel("orders", from_="first"), orders)

    async def test_it_begins_where_it_is_told_to(self):
        self.client.channel("orders", from_="first").on("*", print)
        self.assertEqual((await self.next(READ)).query, {"after": "0"})
        other = self.make()
        other.channel("orders", from_=41).on("*", print)
        self.assertEqual((await self.next(READ)).query, {"after": "41"})
        since = self.make()
        since.channel("orders", client="worker", from_=datetime(1970, 1, 1, tzinfo=timezone.utc)).on("*", print)
        await self.begin()
        asked = await self.next(READ)
        self.assertEqual(asked.query, {"since": "1970-01-01T00:00:00Z", "limit": "1"})
        asked.json(200, page([stored(5)]))
        self.assertEqual((await self.next(READ)).query["after"], at(4))

    async def test_what_stays_is_told_and_nothing_is_asked_for_any_more(self):
        orders = self.client.channel("orders", client="worker")
        errors = Told(orders, "error")
        drain = Told(orders, "drain")
        orders.on("*", print)
        (await self.next(CURSOR)).problem(404, "no-channel")
        self.assertEqual((await errors.next()).code, "no-channel")
        await drain.next()
        self.assertEqual(orders.handlers("*"), ())
        others = self.client.channel("orders", from_=3)
        failed = Told(others, "error")
        others.on("*", print)
        (await self.next(READ)).stream().write('event: removed\ndata: {"reason":"the channel was removed"}\n\n')
        error = await failed.next()
        self.assertEqual((error.code, str(error)), ("removed", "the channel was removed"))
        iterated = asyncio.ensure_future(self.make().channel("orders", from_=4).events().__anext__())
        (await self.next(READ)).problem(409, "another-log", epoch=EPOCH)
        with self.assertRaises(HearkenError) as raised:
            await iterated
        self.assertEqual(raised.exception.code, "another-log")
        self.assertEqual(self.node.unseen, [])


    async def test_an_error_to_which_nobody_listens_on_a_channel_is_told_by_the_client(self):
        self.client.channel("orders", client="worker").on("*", print)
        failed = self.client.once("error")
        (await self.next(CURSOR)).problem(503, "node-away")
        self.assertEqual((await failed).channel, "orders")

    async def test_an_answer_that_cannot_be_read_is_told(self):
        failed = self.client.once("error")
        self.client.channel("orders", from_="first").on("*", print)
        (await self.next(READ)).stream().write('event: gap\ndata: {"first":1}\n\n')
        self.assertEqual((await failed).code, "protocol")


    async def test_what_is_awaited_of_a_channel_ends_with_it(self):
        orders = self.client.channel("orders", client="worker")
        orders.on("error", lambda error: None)
        refused = orders.once("*")
        (await self.next(CURSOR)).problem(403, "foreign-cursor")
        with self.assertRaisesRegex(ProblemError, "foreign-cursor"):
            await refused
        closed = orders.once("gap")
        await self.client.close()
        with self.assertRaises(ClosedError):
            await closed


class Iterating(WithChannel):
    async def test_going_through_a_channel_keeps_what_was_handled(self):
        orders = self.client.channel("orders", client="worker")
        every = []

        async def go():
            async for event in orders:
                every.append(event.sequence)
                if event.sequence == 3:
                    break

        going = asyncio.ensure_future(go())
        await self.begin()
        (await self.next(READ)).json(200, page([stored(1), stored(2)]))
        second = await self.next(READ)
        self.assertEqual(second.query["after"], at(2))
        second.json(200, page([stored(3), stored(4), stored(5)]))
        await going
        # The third was being handled, and the node has the second.
        self.assertEqual(every, [1, 2, 3])
        self.assertEqual(self.node.unseen, [])

    async def test_closing_the_client_ends_it_and_keeps_what_was_handled(self):
        orders = self.client.channel("orders", client="worker")
        events = orders.events()
        first = asyncio.ensure_future(events.__anext__())
        await self.begin()
        (await self.next(READ)).json(200, page([stored(1), stored(2), stored(3)]))
        await first
        await events.__anext__()
        closing = asyncio.ensure_future(self.client.close())
        await self.kept(1)
        await closing
        with self.assertRaises(StopAsyncIteration):
            await events.__anext__()

    async def test_pages_events_and_positions_can_be_asked_for(self):
        orders = self.client.channel("orders", client="worker")
        read = asyncio.ensure_future(orders.read(after=at(1), limit=2, type="custom.a", subject="s"))
        asked = await self.next(READ)
        self.assertEqual(asked.query, {"after": at(1), "limit": "2", "type": "custom.a", "subject": "s"})
        asked.json(200, page([stored(2, data=5)], last=9))
        got = await read
        self.assertEqual((got.events[0].data, got.next, got.last), (5, at(2), 9))
        position = asyncio.ensure_future(orders.position())
        (await self.next(CURSOR)).problem(404, "no-cursor")
        self.assertIsNone(await position)
        moved = asyncio.ensure_future(orders.seek(7))
        keep = await self.next(KEEP)
        self.assertEqual(keep.body, {"after": 7})
        keep.json(201, {"after": 7})
        self.assertEqual((await moved)["after"], 7)
        with self.assertRaises(TypeError):
            await orders.read(after=-1)
        with self.assertRaisesRegex(TypeError, "without the name of a client"):
            await self.client.channel("orders").position()
        with self.assertRaises(ProblemError):
            reading = asyncio.ensure_future(orders.event(9))
            (await self.next("GET /v1/channels/orders/events/9")).problem(404, "no-event")
            await reading
