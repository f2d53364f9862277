from __future__ import annotations

import asyncio
import time

from hearken.client import Client, ClosedError, EventsDroppedError, ProblemError, WaitTimeoutError

from .fake import LISTEN, PUBLISH, Told, WithNode, message, shown


class Streams(WithNode):
    async def test_what_is_listened_to_together_shares_one_stream_and_each_gets_its_own(self):
        client = self.make(key="hrk_a")
        carts = Told(client, "custom.cart.*")
        orders = Told(client, "custom.order.{paid,sent}")
        stream = (await self.next(LISTEN)).stream()
        self.assertEqual(stream.query["type"], "{custom.cart.*,custom.order.paid,custom.order.sent}")
        self.assertEqual(stream.headers["authorization"], "Bearer hrk_a")
        self.assertEqual(stream.headers["accept"], "text/event-stream")
        stream.event(shown("custom.cart.added", data={"n": 1}, subject="tea", colour="red"))
        stream.event(shown("custom.order.sent", data_base64="AQID", datacontenttype="application/octet-stream"))
        stream.event(shown("custom.order.lost"))
        stream.event(shown("custom.order.paid", data="text", datacontenttype="text/plain"))
        added = await carts.next()
        self.assertEqual(added.data, {"n": 1})
        self.assertEqual(added.text(), '{"n":1}')
        self.assertEqual(added.subject, "tea")
        self.assertEqual(added.extensions, {"colour": "red"})
        self.assertEqual((await orders.next()).data, b"\1\2\3")
        paid = await orders.next()
        self.assertEqual((paid.type, paid.text(), paid.bytes()), ("custom.order.paid", "text", b"text"))
        self.assertTrue(carts.is_empty)
        self.assertEqual(self.node.unseen, [])

    async def test_what_was_listened_to_before_it_is_entered_is_heard(self):
        client = Client(self.node.url)
        heard = Told(client, "custom.a")
        async with client:
            (await self.next(LISTEN)).stream().event(shown("custom.a", data=1))
            self.assertEqual((await heard.next()).data, 1)
        self.assertTrue(client.is_closed)

    async def test_ready_is_told_once_all_that_is_listened_to_is_and_again_after_a_break(self):
        ready = Told(self.client, "ready")
        self.client.on("custom.a", lambda event: None)
        first = (await self.next(LISTEN)).stream()
        await ready.next()
        self.assertTrue(self.client.is_ready)
        await self.client.once("ready")
        first.cut()
        (await self.next(LISTEN)).stream()
        await ready.next()
        self.assertEqual([error.code for error in self.errors], ["connection"])
        self.assertIsInstance(self.errors[0].retry_in, float)

    async def test_a_client_that_only_publishes_is_ready_when_the_node_knows_it(self):
        ready = self.client.once("ready")
        (await self.next("GET /v1/whoami")).problem(503, "starting")
        (await self.next("GET /v1/whoami")).json(200, {"principal": "key:a"})
        await ready
        self.assertEqual([error.code for error in self.errors], ["starting"])

    async def test_who_listens_to_more_loses_nothing_and_gets_nothing_twice(self):
        heard = []
        self.client.on("custom.a", lambda event: heard.append(event.data))
        first = (await self.next(LISTEN)).stream()
        await self.client.once("ready")
        events = [shown("custom.a", data=data) for data in range(5)]
        more = Told(self.client, "custom.b")
        second = await self.next(LISTEN)
        self.assertEqual(second.query["type"], "{custom.a,custom.b}")
        # The new stream has begun to hear before the old one has brought what came before.
        first.event(events[0])
        first.event(events[1])
        second.stream()
        second.event(events[1])
        second.event(shown("custom.b", data="b"))
        second.event(events[2])
        # What it alone is listened to for waits for nothing.
        self.assertEqual((await more.next()).data, "b")
        first.event(events[2])
        second.event(events[3])
        await first.gone()
        second.event(events[4])
        second.event(shown("custom.b"))
        await more.next()
        self.assertEqual(heard, [0, 1, 2, 3, 4])

    async def test_a_stream_that_takes_over_and_breaks_leaves_the_one_before_in_its_place(self):
        heard = Told(self.client, "custom.a")
        first = (await self.next(LISTEN)).stream()
        await self.client.once("ready")
        self.client.on("custom.b", lambda event: None)
        (await self.next(LISTEN)).problem(503, "overloaded")
        (await self.next(LISTEN)).cut()
        first.event(shown("custom.a", data=1))
        self.assertEqual((await heard.next()).data, 1)
        (await self.next(LISTEN)).stream()
        await first.gone()

    async def test_who_listens_to_less_has_the_stream_of_the_others_and_at_last_none(self):
        self.client.on("custom.a", print)
        self.client.on("custom.b", print)
        (await self.next(LISTEN)).stream()
        await self.client.once("ready")
        self.client.off("custom.b", print)
        second = (await self.next(LISTEN)).stream()
        self.assertEqual(second.query["type"], "custom.a")
        self.client.off("custom.a", print)
        await second.gone()

    async def test_a_stream_that_is_cut_amid_a_line_is_opened_again(self):
        heard = Told(self.client, "custom.a")
        whole = message(shown("custom.a", data="lost"))
        for length in (len(whole) - 1, len(whole) - 2, 40):
            stream = (await self.next(LISTEN)).stream()
            stream.event(shown("custom.a", data="before"))
            self.assertEqual((await heard.next()).data, "before")
            stream.write(whole[:length])
            stream.cut()
        # Amid a chunk too.
        stream = (await self.next(LISTEN)).stream()
        stream.raw(b"ffff\r\n" + whole.encode())
        stream.cut()
        self.assertEqual((await heard.next()).data, "lost")
        (await self.next(LISTEN)).stream().event(shown("custom.a", data="after"))
        self.assertEqual((await heard.next()).data, "after")

    async def test_a_stream_that_comes_byte_by_byte_is_heard(self):
        heard = Told(self.client, "custom.a")
        stream = (await self.next(LISTEN)).stream()
        for byte in message(shown("custom.a", data="ä€😀")).encode():
            stream.write(bytes([byte]))
            await stream.drained()
        self.assertEqual((await heard.next()).data, "ä€😀")

    async def test_an_event_of_8_MiB_is_heard(self):
        heard = Told(self.client, "custom.a")
        data = "x" * (8 << 20)
        (await self.next(LISTEN)).stream().event(shown("custom.a", data=data))
        self.assertEqual((await heard.next()).data, data)

    async def test_a_message_without_an_end_is_given_up(self):
        refused = self.client.once("error")
        self.client.on("custom.a", print)
        stream = (await self.next(LISTEN)).stream()

        async def write():
            while not refused.done():
                stream.write(b"data: " + b"x" * (1 << 20) + b"\n")
                await stream.drained()

        writing = asyncio.ensure_future(write())
        self.assertEqual((await refused).code, "too-large")
        await asyncio.wait({writing})
        writing.exception()

    async def test_a_stream_that_says_nothing_is_opened_again(self):
        client = self.make(silence=0.03)
        heard = Told(client, "custom.a")
        await (await self.next(LISTEN)).stream().gone()
        (await self.next(LISTEN)).stream().event(shown("custom.a"))
        await heard.next()
        self.assertIn("nothing has come for 0.03 s", str(self.errors[0]))

    async def test_a_node_that_does_not_answer_is_asked_again(self):
        client = self.make(timeout="30ms")
        client.on("custom.a", print)
        await (await self.next(LISTEN)).gone()
        await (await self.next(LISTEN)).gone()
        self.assertEqual(self.errors[0].code, "timeout")

    async def test_what_the_node_says_to_wait_is_waited(self):
        self.client.on("custom.a", print)
        (await self.next(LISTEN)).problem(429, "over-budget", {"retry-after": "1"})
        refused = time.monotonic()
        (await self.next(LISTEN)).stream()
        self.assertGreater(time.monotonic() - refused, 0.98)
        self.assertEqual(self.errors[0].status, 429)
        self.assertGreaterEqual(self.errors[0].retry_in, 1)

    async def test_an_answer_that_is_not_http_is_told(self):
        failed = self.client.once("error")
        self.client.on("custom.a", print)
        (await self.next(LISTEN)).raw(b"SSH-2.0-OpenSSH\r\n")
        self.assertEqual((await failed).code, "protocol")


class Refusals(WithNode):
    async def test_a_key_that_is_refused_is_told_and_not_tried_again(self):
        async def key():
            return "hrk_b"

        client = self.make(key=key)
        client.on("custom.a", print)
        asked = await self.next(LISTEN)
        self.assertEqual(asked.headers["authorization"], "Bearer hrk_b")
        refused = client.once("error")
        asked.problem(401, "unauthorized")
        error = await refused
        self.assertIsInstance(error, ProblemError)
        self.assertEqual((error.status, error.code, error.pattern), (401, "unauthorized", "custom.a"))
        self.assertEqual(str(error), "unauthorized: as the test says")
        self.assertIsNone(error.retry_in)
        self.assertEqual(client.handlers("custom.a"), ())
        sent = asyncio.ensure_future(client.emit("b"))
        (await self.next(PUBLISH)).json(202, {"id": "1", "time": ""})
        await sent
        self.assertEqual(len(self.errors), 1)
        self.assertEqual(self.node.unseen, [])

    async def test_of_several_patterns_the_one_that_may_not_be_listened_to_is_told(self):
        heard = Told(self.client, "custom.a")
        self.client.on("custom.b", print)
        secret = Told(self.client, "error")
        self.client.on("plugin.*", print)
        (await self.next(LISTEN)).problem(403, "forbidden", right="listen plugin.*")
        for _ in range(3):
            asked = await self.next(LISTEN)
            if asked.query["type"] == "plugin.*":
                asked.problem(403, "forbidden", right="listen plugin.*")
            else:
                asked.stream()
        error = await secret.next()
        self.assertEqual(error.pattern, "plugin.*")
        self.assertEqual(error.problem["right"], "listen plugin.*")
        stream = await self.next(LISTEN)
        self.assertEqual(stream.query["type"], "{custom.a,custom.b}")
        stream.stream().event(shown("custom.a", data=1))
        self.assertEqual((await heard.next()).data, 1)
        self.assertEqual(len(self.errors), 1)

    async def test_an_overflow_is_told_and_the_stream_opened_again(self):
        self.client.on("custom.a", print)
        overflow = self.client.once("overflow")
        (await self.next(LISTEN)).stream().write('event: overflow\ndata: {"dropped":7}\n\n')
        self.assertEqual((await overflow).dropped, 7)
        (await self.next(LISTEN)).stream()
        self.assertEqual(self.errors[0].code, "overflow")

    async def test_what_a_handler_raises_is_told_and_the_others_are_called(self):
        async def later(event):
            raise ValueError("broken later")

        @self.client.on("custom.a")
        def now(event):
            raise ValueError("broken")

        self.client.on("custom.a", later)
        heard = Told(self.client, "custom.a")
        errors = Told(self.client, "error")
        (await self.next(LISTEN)).stream().event(shown("custom.a"))
        await heard.next()
        first, second = await errors.next(), await errors.next()
        self.assertEqual([str(first.__cause__), str(second.__cause__)], ["broken", "broken later"])
        self.assertEqual((first.code, first.event.type), ("handler", "custom.a"))

    async def test_an_error_to_which_nobody_listens_goes_to_the_loop(self):
        told = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        async with Client(self.node.url) as client:
            client.on("custom.a", print)
            (await self.next(LISTEN)).problem(403, "forbidden")
            while not told:
                await asyncio.sleep(0)
        self.assertEqual([error.code for error in told], ["forbidden"])

    async def test_what_cannot_be_right_is_refused_where_it_is_written(self):
        for url in ("ftp://a", "http://a?b=c", "a"):
            with self.assertRaises(ValueError):
                Client(url)
        with self.assertRaisesRegex(ValueError, "brace"):
            self.client.on("custom.{a", print)
        with self.assertRaises(TypeError):
            self.client.on("custom.a", 3)
        with self.assertRaises(TypeError):
            await self.client.emit("")
        with self.assertRaisesRegex(TypeError, "no subjekt"):
            await self.client.emit_all([{"type": "a", "subjekt": "b"}])
        with self.assertRaises(ValueError):
            await self.client.emit("a", data=float("nan"))
        with self.assertRaises(TypeError):
            self.client.channel("")
        with self.assertRaises(TypeError):
            self.client.channel("a", from_="late")


class Once(WithNode):
    async def test_once_is_the_next_event_with_that_subject(self):
        answer = self.client.once("custom.stock.ordered", "tea", timeout="10s")
        sent = asyncio.ensure_future(self.client.emit("stock.low", subject="tea"))
        stream = await self.next(LISTEN)
        self.assertEqual(stream.query, {"type": "custom.stock.ordered", "subject": "tea"})
        # What is published may bring it at once, so it is not before somebody listens.
        self.assertEqual(self.node.unseen, [])
        stream.stream()
        (await self.next(PUBLISH)).json(202, {"id": "1", "time": ""})
        await sent
        stream.event(shown("custom.stock.ordered", subject="coffee"))
        stream.event(shown("custom.stock.ordered", subject="tea", data=1))
        self.assertEqual((await answer).data, 1)
        await stream.gone()

    async def test_once_uses_a_stream_that_there_is(self):
        self.client.on("custom.*", lambda event: None)
        stream = (await self.next(LISTEN)).stream()
        await self.client.once("ready")
        answer = self.client.once("custom.a", "s")
        stream.event(shown("custom.a"))
        stream.event(shown("custom.a", subject="s", data=2))
        self.assertEqual((await answer).data, 2)
        self.assertEqual(self.node.unseen, [])

    async def test_once_ends_when_its_time_is_over_it_is_cancelled_or_the_client_is_closed(self):
        with self.assertRaises(WaitTimeoutError):
            await self.client.once("custom.a", timeout=0.005)
        cancelled = self.client.once("custom.b")
        stream = (await self.next(LISTEN)).stream()
        cancelled.cancel()
        await stream.gone()
        closed = self.client.once("custom.c")
        await self.client.close()
        with self.assertRaises(ClosedError):
            await closed
        for call in (lambda: self.client.once("custom.a"), lambda: self.client.on("custom.a", print)):
            with self.assertRaises(ClosedError):
                call()
        with self.assertRaises(ClosedError):
            await self.client.emit("a")


class Iterators(WithNode):
    async def test_events_are_gone_through_until_that_ends(self):
        events = self.client.events("custom.a", subject="s", local_only=True)
        stream = await self.next(LISTEN)
        self.assertEqual(stream.query, {"type": "custom.a", "subject": "s", "local_only": "true"})
        stream.stream()
        for data in (1, 2, 3):
            stream.event(shown("custom.a", subject="s", data=data))
        every = []
        async with events:
            async for event in events:
                every.append(event.data)
                if event.data == 3:
                    break
        self.assertEqual(every, [1, 2, 3])
        await stream.gone()
        others = self.client.events("custom.b")
        going = asyncio.ensure_future(others.__anext__())
        await asyncio.sleep(0)
        await self.client.close()
        with self.assertRaises(StopAsyncIteration):
            await going

    async def test_who_goes_through_events_too_slowly_is_told_how_many_are_missing(self):
        events = self.client.events("custom.a", limit=2)
        every = Told(self.client, "custom.*")
        stream = (await self.next(LISTEN)).stream()
        for data in range(1, 6):
            stream.event(shown("custom.a", data=data))
        for _ in range(5):
            await every.next()
        self.assertEqual((await events.__anext__()).data, 1)
        self.assertEqual((await events.__anext__()).data, 2)
        with self.assertRaises(EventsDroppedError) as raised:
            await events.__anext__()
        self.assertEqual(raised.exception.dropped, 3)
        with self.assertRaises(StopAsyncIteration):
            await events.__anext__()

    async def test_close_ends_all_also_what_waits_to_be_tried_again(self):
        client = self.make(min_pause=100, max_pause=100)
        failed = client.once("error")
        client.on("custom.a", print)
        (await self.next(LISTEN)).problem(503, "starting")
        await failed
        sent = asyncio.ensure_future(client.emit("a", channel="orders", timeout=1000))
        (await self.next(PUBLISH)).problem(503, "starting")
        closed = client.once("close")
        await client.close()
        await closed
        with self.assertRaises((ClosedError, ProblemError)):
            await sent
