"""What a newcomer does wrong is said where it is written."""

import asyncio

import pytest
from hearken import Retry, listen
from hearken._failure import raised
from hearken._loop import loop, to_the_end


def nobody(): ...


def two(event, other): ...


def named(event, *, other): ...


def yields(event):
    yield 1


async def yields_later(event):
    yield 1


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        (nobody, "`nobody` is called with the event and nothing else, and takes ()"),
        (two, "takes (event, other)"),
        (named, "takes (event, other)"),
        (yields, "`yields` has a `yield`"),
        (yields_later, "`yields_later` has a `yield`"),
    ],
)
def test_what_cannot_be_called_with_an_event_is_refused(handler, told):
    with pytest.raises(TypeError) as raised_error:
        listen("custom.mistake")(handler)
    assert told in str(raised_error.value)


def test_a_method_in_a_class_is_refused():
    with pytest.raises(TypeError, match="takes \\(self, event\\)"):

        class Shop:
            @listen("custom.mistake")
            def act(self, event): ...


def test_what_can_be_called_with_one_event_is_taken():
    for handler in (lambda event: None, lambda *events: None, lambda event, more=1: None, print):
        listen("custom.mistake.taken")(handler)


def test_a_time_that_is_none_is_told_where_it_is_written():
    with pytest.raises(TypeError, match="Retry: `after`"):
        Retry("busy", after="soon")
    assert raised(Retry("busy", after="2s")).after == 2000


def test_of_a_recursion_a_line_is_told_a_few_times():
    def down():
        down()

    with pytest.raises(RecursionError) as error:
        down()
    places = [line for line in raised(error.value).reason.splitlines() if "down" in line]
    assert len(places) == 3


def test_where_a_handler_waits_in_vain_is_told():
    async def inner():
        await asyncio.get_running_loop().create_future()

    async def act(event):
        await inner()

    with pytest.raises(RuntimeError, match="nothing can settle") as error:
        to_the_end("act", act, None)
    places = raised(error.value).reason.splitlines()[1:]
    assert [place.split()[1].rpartition(".")[2] for place in places[-2:]] == ["inner", "act"]


def test_asyncio_run_of_a_handler_goes_on_until_it_is_done_and_ends_what_it_has_left():
    ended = []

    async def left():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("left")

    async def main():
        asyncio.ensure_future(left())
        await asyncio.sleep(0)
        return 3

    def act(event):
        ended.append(loop.run_until_complete(main()))

    to_the_end("act", act, None)
    assert ended == ["left", 3] and loop.is_idle()


def test_an_exception_that_cannot_be_looked_at_is_told_all_the_same():
    class Odd(Exception):
        def __str__(self):
            raise SystemExit

    assert raised(Odd()).reason.startswith("test_an_exception_that_cannot_be_looked_at_is_told_all_the_same.")
    odd = ValueError("x")
    odd.__notes__ = 5
    assert raised(odd).reason == "ValueError: it cannot be said"
