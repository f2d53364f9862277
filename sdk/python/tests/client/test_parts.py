from __future__ import annotations

import unittest

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
