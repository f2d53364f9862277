"""Reads a stream of server-sent events (HTML, section 9.2.6)."""

from __future__ import annotations

import codecs
from typing import NamedTuple

from ._errors import HearkenError

# Largest message that is read, in characters: an event of 16 MiB with room for its JSON.
LARGEST_MESSAGE = 32 << 20


class Message(NamedTuple):
    """A message. One without ``data`` says only how far the stream is."""

    id: str | None
    event: str
    data: str | None


class Parser:
    """Turns bytes, as they come in pieces, into messages."""

    def __init__(self, largest: int = LARGEST_MESSAGE) -> None:
        self._largest = largest
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        # Pieces of a line that has not ended: put together once, however many they are.
        self._rest: list[str] = []
        self._rest_size = 0
        self._after_return = False
        self._first = True
        self._data: list[str] = []
        self._size = 0
        self._event = ""
        self._id: str | None = None
        self._id_is_new = False

    def push(self, piece: bytes) -> list[Message]:
        """The messages that end with this piece."""
        text = self._decoder.decode(piece)
        if not text:
            return []
        if self._first:
            self._first = False
            text = text.removeprefix("\ufeff")
        messages: list[Message] = []
        # A line feed behind a `\r` at the end of the piece before belongs to that.
        start = 1 if self._after_return and text.startswith("\n") else 0
        self._after_return = False
        while (end := _line_end(text, start)) >= 0:
            self._rest.append(text[start:end])
            line = "".join(self._rest)
            self._rest.clear()
            self._rest_size = 0
            self._line(line, messages)
            start = end + 1
            if text[end] == "\r":
                self._after_return = start == len(text)
                if text.startswith("\n", start):
                    start += 1
        if start < len(text):
            self._rest.append(text[start:])
            self._rest_size += len(text) - start
        if self._rest_size + self._size > self._largest:
            raise HearkenError("too-large", f"a message has more than {self._largest} characters")
        return messages

    def _line(self, line: str, messages: list[Message]) -> None:
        if not line:
            self._dispatch(messages)
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            # With the line feed between them, so that empty lines count too.
            self._size += len(value) + 1
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
            self._id_is_new = True

    def _dispatch(self, messages: list[Message]) -> None:
        if self._data:
            messages.append(Message(self._id, self._event or "message", "\n".join(self._data)))
        elif self._id_is_new:
            messages.append(Message(self._id, "", None))
        self._data = []
        self._size = 0
        self._event = ""
        self._id_is_new = False


def _line_end(text: str, start: int) -> int:
    feed = text.find("\n", start)
    # Rare, so it is looked for only up to the next line feed.
    carriage = text.find("\r", start, len(text) if feed < 0 else feed)
    return feed if carriage < 0 else carriage
