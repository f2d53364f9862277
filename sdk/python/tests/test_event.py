"""Events and patterns mean here what they mean on a node."""

from datetime import datetime, timedelta, timezone

import pytest
from hearken import Reject, Retry, listen
from hearken._failure import raised
from hearken._loop import to_the_end
from hearken._pattern import compile as pattern
from hearken._pattern import wants_channel
from hearken._values import milliseconds
from hearken.testing import event


def test_an_event_has_what_it_was_made_of():
    made = event(
        "custom.a", id="1", subject="é", data={"b": [1]}, time=datetime(2026, 1, 1, tzinfo=timezone.utc),
        channel="orders", sequence=7, extensions={"tries": "3"},
    )
    assert (made.id, made.subject, made.data, made.text()) == ("1", "é", {"b": [1]}, '{"b":[1]}')
    assert (made.channel, made.sequence, made.time) == ("orders", 7, "2026-01-01T00:00:00Z")
    assert made.to_dict()["tries"] == "3" and made.extensions == {"tries": "3"}
    assert event("custom.a").data is None and event("custom.a", data=None).data is None
    assert event("custom.a", data=b"\x00").data == b"\x00"
    assert event("custom.a", data="x", datacontenttype="text/plain").data == "x"


def test_data_that_is_not_the_json_that_it_says_rejects_the_event():
    wrong = event("custom.a", data=b"{", datacontenttype="application/json")
    with pytest.raises(Reject, match="is not the application/json that it says"):
        wrong.data  # noqa: B018


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("*", ["a", "a.b"], []),
        ("custom.cart.{added,changed}", ["custom.cart.added", "custom.cart.changed"], ["custom.cart.", "custom.cart.x"]),
        ("a*b*c", ["abc", "aXbYc", "abbc"], ["ac", "abcd", "ab"]),
        ("{a,b}.{c,d*}", ["a.c", "b.dx"], ["a.", "c.a"]),
        ("a*a", ["aa", "aba"], ["a"]),
    ],
)
def test_patterns(text, yes, no):
    matches = pattern(text)
    assert all(matches(one) for one in yes) and not any(matches(one) for one in no)


@pytest.mark.parametrize("text", ["", "{a", "a}", "{a,{b}}", "a b", "a,b", "{,}", 3, "{a,b}" * 7])
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(ValueError):
        pattern(text)


def test_spans_of_time():
    spans = {2: 2000, 0.5: 500, "2s": 2000, "500ms": 500, "1.5m": 90_000, "1h": 3_600_000}
    assert {span: milliseconds("x", "y", span) for span in spans} == spans
    assert milliseconds("x", "y", timedelta(seconds=3)) == 3000
    for wrong in (-1, "2", "s", True, None, float("nan"), float("inf")):
        with pytest.raises(TypeError):
            milliseconds("x", "y", wrong)


def test_what_is_raised_is_told_with_its_place_and_cause():
    try:
        try:
            {}["missing"]
        except KeyError as error:
            raise Retry("later", after="3s") from error
    except Retry as error:
        failure = raised(error)
    assert failure.after == 3000 and not failure.rejected
    assert failure.reason.startswith("Retry: later\n    at test_what_is_raised")
    assert "caused by KeyError: 'missing'" in failure.reason
    assert raised(Reject("never")).rejected


def test_what_stands_before_no_function_is_refused():
    with pytest.raises(TypeError, match="listen takes a pattern"):
        listen(lambda event: None)
    with pytest.raises(TypeError, match="`from_`"):
        listen("custom.a", from_="new")


def test_a_future_that_nobody_settles_is_an_error(host):
    import asyncio

    async def hang():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="nothing can settle"):
        to_the_end("hang", hang)


def test_tasks_and_timers_run_side_by_side(host):
    import asyncio

    async def both():
        async with asyncio.timeout(5):
            return await asyncio.gather(asyncio.sleep(0.01, "a"), asyncio.sleep(0.001, "b"))

    assert to_the_end("both", both) == ["a", "b"]


def test_a_filter_names_a_channel_or_several():
    assert wants_channel("orders", "orders")
    assert wants_channel("chat:*", "chat:lobby")
    for wanted, channel in [("orders", "order"), ("chat:*", "other:1"), ("chat:*", None), ("orders", None)]:
        assert not wants_channel(wanted, channel)
