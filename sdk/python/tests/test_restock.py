"""A plugin is tested by what it is given and what it has done."""

import pytest
import restock
from hearken import AppendError, FetchError, Reject, SecretError, WaitTimeout, append, bounds, read, secrets, wait
from hearken._hooks import Session, answer, replied
from hearken.testing import deliver, deliver_from_channel, event, hooks, listeners


def test_a_plugin_says_what_it_listens_to():
    named = {listener.name: listener for listener in listeners()}
    assert named["restock"].patterns == ["custom.cart.{added,changed}"]
    assert named["restock"].local_only
    assert (named["book"].channel, named["book"].live) == ("orders", False)
    assert list(hooks().answers) == ["rpc"]


def test_what_it_sends_and_keeps_can_be_looked_at(host):
    host.config = {"limit": "5"}
    host.answer(event("custom.stock.ordered", subject="tea", data=20))
    deliver(event("custom.cart.added", subject="tea", data={"quantity": 6}))
    assert [(sent.type, sent.subject, sent.data) for sent in host.sent] == [("custom.stock.low", "tea", 6)]
    assert host.buckets["orders"]["tea"] == b"20"
    deliver(event("custom.cart.added", data={"quantity": 6}, localorigin=False))
    deliver(event("custom.cart.removed", data={"quantity": 6}))
    assert len(host.sent) == 1


def test_what_it_waits_for_in_vain_is_an_error(host):
    host.config = {"limit": "5"}
    with pytest.raises(WaitTimeout):
        deliver(event("custom.cart.changed", data={"quantity": 6}))


def test_a_wait_hears_all_channels_of_a_namespace_of_sessions(host):
    for channel in ("other:1", "chat:1"):
        host.answer(event("custom.said", channel=channel))
    assert wait("custom.said", channel="chat:*").result().channel == "chat:1"


def test_what_it_appends_for_an_event_of_a_channel_is_stored_once(host):
    host.channels = {"booked": []}
    order = event("custom.order.placed", channel="orders", sequence=7, data={"total": 3})
    deliver_from_channel(order)
    deliver_from_channel(order)
    assert [(stored.sequence, stored.data) for stored in host.channels["booked"]] == [(1, {"total": 3})]
    with pytest.raises(Reject):
        deliver_from_channel(event("custom.order.placed", channel="orders", sequence=8))


def test_channels_are_read_and_conflicts_told(host):
    host.channels = {"booked": []}
    assert append("booked", [{"type": "one"}, {"type": "two", "data": b"\x00"}])[1].sequence == 2
    page = read("booked", after=1)
    assert [one.data for one in page.events] == [b"\x00"]
    assert (page.next.sequence, bounds("booked").last) == (2, 2)
    with pytest.raises(AppendError) as conflict:
        append("booked", "three", expect=0)
    assert (conflict.value.code, conflict.value.last) == ("conflict", 2)
    with pytest.raises(AppendError):
        append("none", "one")


def test_requests_are_answered_by_the_test(host):
    host.respond("https://prices.example/tea", {"price": 3})
    deliver(event("custom.price.asked", subject="tea"))
    assert [sent.data for sent in host.sent] == [3]
    assert host.requests == [("GET", "https://prices.example/tea", None)]
    assert host.logged == [("info", "asked for tea")]
    with pytest.raises(FetchError):
        deliver(event("custom.price.asked", subject="milk"))


def test_hooks_are_asked(host):
    assert answer("rpc", (Session("1", "Ada"), "whisper", {"to": "Bob"}), replied) == b'"whisper"'
    assert host.sessions == [("send", ("user", "Bob"), b'{"from":"Ada"}', None)]


def test_secrets_are_those_of_the_test(host):
    host.secrets = {"key": "abc"}
    assert secrets.get("key") == "abc"
    with pytest.raises(SecretError):
        secrets.get("other")
    assert restock.Chat is not None
