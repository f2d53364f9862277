from __future__ import annotations

import asyncio
import unittest
from unittest import mock

from hearken.client import _wire
from hearken.client._errors import HearkenError
from hearken.client._patterns import bundles, matches
from hearken.client._sse import Message, Parser
from hearken.client._time import Backoff, seconds

STREAM = (
    "\ufeff: hällo\r\nid: 1\r\nevent: a\r\ndata: x\r\ndata:y\r\ndata\r\n\r\nid: 2\n\n:\n\nretry: 5\n"
    "data: z\rid: 3\r\revent: b\n\ndata:  twö\n\ndata: never"
).encode()
MESSAGES = [
    Message("1", "a", "x\ny\n"),
    Message("2", "", None),
    Message("3", "message", "z"),
    Message("3", "message", " twö"),
]


class Parsing(unittest.TestCase):
    def test_messages_are_the_same_however_a_stream_is_cut(self):
        for first in range(len(STREAM) + 1):
            for second in range(first, len(STREAM) + 1):
                parser = Parser()
                pieces = (STREAM[:first], STREAM[first:second], STREAM[second:])
                self.assertEqual([one for piece in pieces for one in parser.push(piece)], MESSAGES)

    def test_what_a_message_may_have_is_bounded_over_lines_too(self):
        parser = Parser(10)
        parser.push(b"data: 123\n\ndata: 123\n\n")
        with self.assertRaises(HearkenError) as raised:
            while True:
                parser.push(b"data: 1\n")
        self.assertEqual(raised.exception.code, "too-large")
        with self.assertRaises(HearkenError):
            Parser(10).push(b"x" * 11)


    def test_lines_without_data_are_bounded_too(self):
        parser = Parser(1000)
        with self.assertRaises(HearkenError) as raised:
            for _ in range(1001):
                parser.push(b"data:\n")
        self.assertEqual(raised.exception.code, "too-large")


class Answers(unittest.IsolatedAsyncioTestCase):
    async def body(self, headers, text):
        reader = asyncio.StreamReader(limit=64 << 10)
        reader.feed_data(text)
        reader.feed_eof()
        return await _wire.Answer(_wire.Connection(reader, None), 200, headers).body()

    async def refused(self, headers, text):
        with self.assertRaises(HearkenError) as raised:
            await self.body(headers, text)
        return raised.exception.code

    async def test_chunks_have_sizes_of_hexadecimal_digits(self):
        chunked = {"transfer-encoding": "chunked"}
        text = b"A \t;x=y\r\n0123456789\r\n0001\r\nx\r\n0\r\na: b\r\n\r\n"
        self.assertEqual(await self.body(chunked, text), b"0123456789x")
        for size in (b"-5", b"+5", b"0x10", b"1_0", b" 1", b"", b"g", b"0" * 17, b"\xb2"):
            self.assertEqual(await self.refused(chunked, size + b"\r\nx\r\n0\r\n\r\n"), "protocol")
        self.assertEqual(await self.refused(chunked, b"1\r\nxy\r\n0\r\n\r\n"), "protocol")
        self.assertEqual(await self.refused(chunked, b"0\r\n" + b"a: b\r\n" * 1000), "protocol")

    async def test_what_an_answer_may_have_is_bounded(self):
        for length in ("9" * 5000, "-1", "1_0", "", "\xb2"):
            self.assertEqual(await self.refused({"content-length": length}, b""), "protocol")
        largest_event = 64 << 20
        self.assertGreater(_wire.LARGEST_ANSWER, largest_event / 3 * 4 + 4096, "one fits in base64")
        with mock.patch.object(_wire, "LARGEST_ANSWER", 4):
            self.assertEqual(await self.body({"content-length": "4"}, b"1234"), b"1234")
            self.assertEqual(await self.body({}, b"1234"), b"1234")
            for headers in ({}, {"content-length": "5"}):
                self.assertEqual(await self.refused(headers, b"12345"), "too-large")


class Patterns(unittest.TestCase):
    def test_they_match_as_those_of_a_node(self):
        self.assertTrue(matches("custom.cart.*", "custom.cart.a.b"))
        self.assertTrue(matches("{custom,plugin}.a", "plugin.a"))
        self.assertFalse(matches("custom.a", "customxa"))
        self.assertFalse(matches("custom.a", "custom.a\n"))
        for wrong in ("a}", "{a", "{a{b}}"):
            with self.assertRaises(ValueError):
                matches(wrong, "a")

    def test_they_become_as_few_as_a_node_takes(self):
        def types(*patterns):
            return [bundle.type for bundle in bundles(patterns)]

        self.assertEqual(types("custom.a"), ["custom.a"])
        self.assertEqual(types("custom.b", "custom.a", "custom.a"), ["{custom.a,custom.b}"])
        self.assertEqual(types("custom.a", "custom.*"), ["custom.*"])
        self.assertEqual(types("custom.a", "*"), ["*"])
        self.assertEqual(types("{a,b}.{c,d}", "e"), ["{a.c,a.d,b.c,b.d,e}"])
        self.assertEqual(types("{a,b}" * 7), ["{a,b}" * 7])
        many = [f"custom.t{number}" for number in range(100)]
        self.assertEqual(sorted(one for bundle in bundles(many) for one in bundle.patterns), sorted(many))
        self.assertEqual(len(bundles(many)), 2)
        for bundle in bundles(many):
            self.assertLessEqual(len(bundle.type), 1024)
            self.assertLessEqual(bundle.alternatives, 64)


class Times(unittest.TestCase):
    def test_pauses_grow_to_a_bound_and_are_random_below_it(self):
        backoff = Backoff(1, 10, lambda: 1.0)
        self.assertEqual([backoff.next() for _ in range(6)], [1, 2, 4, 8, 10, 10])
        self.assertEqual(backoff.next(50), 60)
        backoff.reset()
        self.assertEqual(backoff.next(), 1)
        self.assertEqual(Backoff(1, 10, lambda: 0.25).next(), 0.25)

    def test_durations_are_seconds_or_texts(self):
        self.assertEqual([seconds(text) for text in (2, 0.5, "2s", "500ms", "1.5m", "1h")], [2, 0.5, 2, 0.5, 90, 3600])
        for wrong in ("2", "s", -1, None, True, "2 s"):
            with self.assertRaises(TypeError):
                seconds(wrong)
