"""What a node hands over in one call reaches the listeners event by event."""

import gc

import pytest
from hearken import Reject, listen
from hearken import _dispatch
from hearken._registry import registry
from hearken.testing import event


@pytest.fixture(autouse=True)
def apart():
    """Listeners and types of a test are its own."""
    listeners, registry.listeners = registry.listeners, []
    _dispatch._types.clear()
    yield
    registry.listeners = listeners
    _dispatch._types.clear()


def frame(*events):
    """As a node has them: one behind the other."""
    return b"".join(one._bytes for one in events)


def handed(*events, stop_after=None):
    """What is told of the events, and how many were asked for behind the first."""
    told, asked = [], []

    def goes_on():
        asked.append(len(asked) + 1)
        return stop_after is None or len(asked) < stop_after

    _dispatch.handle(frame(*events), told.append, goes_on)
    return [failure.reason.splitlines()[0] for failure in told], len(asked)


def test_the_events_of_a_frame_come_in_order_each_with_what_is_its_own():
    seen = []
    listen("custom.a")(lambda one: seen.append((one.id, one.subject, one.data, one.text())))
    listen("custom.b")(lambda one: seen.append((one.id, one.type, one.extensions)))
    made = [
        event("custom.a", id="1", subject="é", data={"n": 1}),
        event("custom.b", id="2", extensions={"tries": "3"}),
        event("custom.a", id="3", data=None),
    ]
    assert handed(*made) == ([], 2)
    assert seen == [("1", "é", {"n": 1}, '{"n":1}'), ("2", "custom.b", {"tries": "3"}), ("3", None, None, "null")]


def test_one_event_is_handed_over_without_asking_for_another():
    seen = []
    listen("custom.a")(seen.append)
    assert handed(event("custom.a", id="1")) == ([], 0)
    assert [one.id for one in seen] == ["1"]


def test_a_failure_is_told_while_its_event_is_in_hand_and_the_next_is_handled():
    seen = []

    @listen("custom.a")
    def act(one):
        if one.id == "2":
            raise Reject("not this one")
        seen.append(one.id)

    told, asked = handed(*[event("custom.a", id=id) for id in "123"])
    assert (told, asked, seen) == (["act: Reject: not this one"], 2, ["1", "3"])


def test_what_the_node_does_not_have_it_begin_is_not_begun():
    seen = []
    listen("custom.a")(lambda one: seen.append(one.id))
    assert handed(*[event("custom.a", id=id) for id in "1234"], stop_after=2) == ([], 2)
    assert seen == ["1", "2"]


def test_who_keeps_an_event_keeps_it_alone():
    kept = []
    listen("custom.a")(kept.append)
    large = "x" * 100_000
    handed(event("custom.a", id="1", data=1), event("custom.a", id="2", data=large), event("custom.a", id="3", data=3))
    assert [one.data for one in kept] == [1, large, 3]
    small = [one for one in kept if one.id != "2"]
    held = {id(thing): thing for one in small for thing in gc.get_referents(one) if isinstance(thing, bytes)}
    assert sum(map(len, held.values())) < 1000


def test_each_is_given_to_all_that_want_it_and_those_of_other_types_to_none():
    seen = []
    listen("custom.*")(lambda one: seen.append(("all", one.id)))
    listen("custom.a", subject="tea")(lambda one: seen.append(("tea", one.id)))
    handed(event("custom.a", id="1", subject="tea"), event("custom.a", id="2"), event("custom.b", id="3"))
    assert seen == [("all", "1"), ("tea", "1"), ("all", "2"), ("all", "3")]
