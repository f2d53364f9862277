from __future__ import annotations

import asyncio
from datetime import datetime, timezone

from hearken.client import ConnectionLostError, HearkenError, ProblemError, WaitTimeoutError

from .fake import PUBLISH, WithNode

STORED = {"id": "1", "time": "", "channel": "orders", "sequence": 1, "epoch": "00000000000000aa"}


def begun(coroutine):
    return asyncio.ensure_future(coroutine)


class Publishing(WithNode):
    async def test_an_event_is_published_as_it_was_given(self):
        client = self.make(key="hrk_a", source="/shop")
        sent = begun(client.emit("cart.added", subject="tea", data={"n": None}, distributed=True, id="x"))
        asked = await self.next(PUBLISH)
        self.assertEqual(asked.headers["content-type"], "application/json")
        self.assertEqual(asked.headers["authorization"], "Bearer hrk_a")
        event = {"type": "cart.added", "id": "x", "source": "/shop", "subject": "tea", "distributed": True}
        self.assertEqual(asked.body, {**event, "data": {"n": None}})
        asked.json(202, {"id": "x", "time": "now"})
        self.assertEqual(await sent, {"id": "x", "time": "now"})

    async def test_what_the_shorthand_cannot_say_is_a_cloud_event(self):
        time = datetime(1970, 1, 1, tzinfo=timezone.utc)
        sent = begun(self.client.emit("a", data=b"\1\2\3", time=time, extensions={"colour": "red"}))
        asked = await self.next(PUBLISH)
        self.assertEqual(asked.headers["content-type"], "application/cloudevents+json")
        event = asked.body
        self.assertRegex(event.pop("id"), "^[0-9a-f]{32}$")
        self.assertEqual(event, {
            "specversion": "1.0", "source": "/clients/python", "type": "a", "time": "1970-01-01T00:00:00Z",
            "datacontenttype": "application/octet-stream", "data_base64": "AQID", "colour": "red",
        })
        asked.json(202, {"id": "1", "time": ""})
        await sent

    async def test_what_goes_to_a_channel_is_sent_again_with_the_same_id_until_it_is_known_to_be_there(self):
        sent = begun(self.client.emit("a", channel="orders", data=None, expect=0))
        ids = set()
        for answer in (
            lambda asked: asked.cut(),
            lambda asked: asked.problem(503, "outcome-unknown"),
            lambda asked: asked.problem(503, "node-away"),
            lambda asked: asked.problem(429, "over-budget"),
            lambda asked: asked.json(200, {**STORED, "duplicate": True}),
        ):
            asked = await self.next(PUBLISH)
            self.assertEqual(asked.headers["if-match"], '"0"')
            self.assertIsNone(asked.body["data"])
            ids.add(asked.body["id"])
            answer(asked)
        self.assertEqual(await sent, {**STORED, "duplicate": True})
        self.assertEqual(len(ids), 1)

    async def test_a_hung_request_to_a_channel_leaves_time_for_another(self):
        sent = begun(self.client.emit("a", channel="orders", timeout="3s"))
        hung = await self.next(PUBLISH)
        await hung.gone()
        again = await self.next(PUBLISH)
        self.assertEqual(again.body["id"], hung.body["id"])
        again.json(201, STORED)
        self.assertEqual((await sent)["sequence"], 1)

    async def test_what_goes_to_none_is_sent_again_only_if_it_cannot_have_been_published(self):
        sent = begun(self.client.emit("a"))
        (await self.next(PUBLISH)).problem(503, "starting")
        (await self.next(PUBLISH)).problem(429, "over-budget")
        (await self.next(PUBLISH)).cut()
        with self.assertRaises(ConnectionLostError) as raised:
            await sent
        self.assertTrue(raised.exception.unknown)
        self.assertEqual(self.node.unseen, [])

    async def test_what_the_node_refuses_is_told_as_it_says_it(self):
        sent = begun(self.client.emit("a", channel="orders", expect=2))
        (await self.next(PUBLISH)).problem(412, "conflict", last=3)
        with self.assertRaises(ProblemError) as raised:
            await sent
        error = raised.exception
        self.assertEqual((error.status, error.code, error.last), (412, "conflict", 3))
        self.assertFalse(error.temporary or error.unknown)
        failed = begun(self.client.emit("a", channel="orders"))
        (await self.next(PUBLISH)).problem(503, "storage-failed")
        with self.assertRaisesRegex(ProblemError, "storage-failed"):
            await failed
        proxied = begun(self.client.emit("a"))
        (await self.next(PUBLISH)).send(404, b"<h1>no</h1>", {"content-type": "text/html"})
        with self.assertRaises(ProblemError) as raised:
            await proxied
        self.assertEqual((raised.exception.code, raised.exception.problem), ("http-404", {}))

    async def test_events_are_published_in_the_order_in_which_they_were_emitted(self):
        emit = self.client.emit
        sent = asyncio.gather(emit("a", data=1), emit("a", data=2), emit("b", channel="orders"))
        asked = [await self.next(PUBLISH), await self.next(PUBLISH)]
        # One to a channel waits for none that goes elsewhere.
        live, kept = sorted(asked, key=lambda exchange: "channel" in exchange.body)
        self.assertEqual(live.body["data"], 1)
        kept.json(201, STORED)
        live.problem(503, "starting")
        again = await self.next(PUBLISH)
        self.assertEqual(again.body["data"], 1)
        self.assertEqual(self.node.unseen, [])
        again.json(202, {"id": "1", "time": ""})
        second = await self.next(PUBLISH)
        self.assertEqual(second.body["data"], 2)
        second.json(202, {"id": "2", "time": ""})
        self.assertEqual([one["id"] for one in await sent], ["1", "2", "1"])

    async def test_several_are_published_together(self):
        client = self.make(source="/shop")
        self.assertEqual(await client.emit_all([]), [])
        events = [{"type": "a", "data": 1}, {"type": "b", "id": "mine"}]
        sent = begun(client.channel("orders").append_all(events, expect=4))
        asked = await self.next(PUBLISH)
        self.assertEqual(asked.headers["content-type"], "application/cloudevents-batch+json")
        self.assertEqual(asked.headers["if-match"], '"4"')
        first, second = asked.body
        self.assertRegex(first.pop("id"), "^[0-9a-f]{32}$")
        self.assertEqual(
            first, {"specversion": "1.0", "source": "/shop", "type": "a", "data": 1, "channel": "orders"}
        )
        self.assertEqual(second["id"], "mine")
        asked.json(201, [STORED, STORED])
        self.assertEqual(len(await sent), 2)

    async def test_a_request_ends_when_its_time_is_over_or_it_is_cancelled(self):
        late = begun(self.client.emit("a", timeout=0.2))
        hung = await self.next(PUBLISH)
        with self.assertRaises(WaitTimeoutError):
            await late
        await hung.gone()
        cancelled = begun(self.client.emit("a"))
        asked = await self.next(PUBLISH)
        cancelled.cancel()
        await asked.gone()

    async def test_the_time_of_one_begins_with_its_turn(self):
        late = begun(self.client.emit("a", timeout=1.0))
        behind = begun(self.client.emit("a", timeout=0.9))
        await self.next(PUBLISH)
        with self.assertRaises(WaitTimeoutError):
            await late
        (await self.next(PUBLISH)).json(202, {"id": "1", "time": ""})
        self.assertEqual((await behind)["id"], "1")

    async def test_requests_share_a_connection_and_one_that_was_closed_is_replaced(self):
        for _ in range(3):
            sent = begun(self.client.emit("a"))
            asked = await self.next(PUBLISH)
            asked.json(202, {"id": "1", "time": ""})
            await sent
        self.assertEqual(len(self.node._connections), 1)
        asked.cut()
        await asked.gone()
        sent = begun(self.client.emit("a"))
        (await self.next(PUBLISH)).json(202, {"id": "2", "time": ""})
        self.assertEqual((await sent)["id"], "2")

    async def test_nobody_there_is_told(self):
        port = self.node.server.sockets[0].getsockname()[1]
        self.node.stop()
        # What is under way when its time is over has not been refused yet.
        with self.assertRaises((ConnectionLostError, WaitTimeoutError)):
            await self.client.emit("a", timeout=0.02)
        # What cannot have been sent is sent when there is somebody.
        refused = self.client.once("error")
        self.client.on("custom.a", print)
        sent = begun(self.client.emit("a"))
        error = await refused
        self.assertIsInstance(error, ConnectionLostError)
        self.assertFalse(error.unknown)
        self.node.server = await asyncio.start_server(self.node._serve, "127.0.0.1", port)
        (await self.next(PUBLISH)).json(202, {"id": "1", "time": ""})
        self.assertEqual((await sent)["id"], "1")

    async def test_a_key_with_a_line_break_is_no_other_header(self):
        client = self.make(key="a\r\nx-other: b")
        with self.assertRaises(HearkenError) as raised:
            await client.emit("a")
        self.assertEqual(raised.exception.code, "bad-key")

    async def test_a_key_is_asked_for_each_time_and_may_fail(self):
        keys = iter([OSError("the keys are away"), "first\n", "second"])

        def key():
            given = next(keys)
            if isinstance(given, Exception):
                raise given
            return given

        client = self.make(key=key)
        for expected in ("Bearer first", "Bearer second"):
            sent = begun(client.emit("a"))
            asked = await self.next(PUBLISH)
            self.assertEqual(asked.headers["authorization"], expected)
            asked.json(202, {"id": "1", "time": ""})
            await sent
