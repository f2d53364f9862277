"""What is checked, one after the other; each has channels of its own: URL KEY."""

import asyncio
import base64
import json
import sys
import urllib.request

import cent

URL, KEY = sys.argv[1], sys.argv[2]
CLIENT = cent.Client(f"{URL}/api", KEY, timeout=30)


class Listener:
    """Whoever listens over an answer that does not end."""

    def __enter__(self):
        self.answer = urllib.request.urlopen(f"{URL}/connection/uni_http_stream", timeout=60)
        self.client = self.next()["connect"]["client"]
        return self

    def next(self):
        """The next message that is no ping."""
        while True:
            message = json.loads(self.answer.readline())
            if message:
                return message

    def __exit__(self, *_):
        self.answer.close()


def refused(call):
    """The code of the error that a call ends in."""
    try:
        call()
    except cent.CentApiResponseError as error:
        assert error.message
        return error.code
    raise AssertionError("it was to fail")


def what_is_published_is_kept():
    tags = {"of": "cent"}
    first = CLIENT.publish(cent.PublishRequest(channel="kept", data={"n": 1}, tags=tags))
    assert first.offset == 1 and first.epoch
    encoded = base64.b64encode(b'{"n": 2}').decode()
    CLIENT.publish(cent.PublishRequest(channel="kept", data=None, b64data=encoded))
    skipped = cent.PublishRequest(channel="kept", data={"n": 0}, skip_history=True)
    assert CLIENT.publish(skipped).offset in (None, 0)
    history = CLIENT.history(cent.HistoryRequest(channel="kept", limit=10))
    assert [it.data for it in history.publications] == [{"n": 1}, {"n": 2}]
    assert [it.offset for it in history.publications] == [1, 2]
    assert history.publications[0].tags["of"] == "cent"
    assert (history.offset, history.epoch) == (2, first.epoch)
    since = cent.StreamPosition(offset=2, epoch=first.epoch)
    behind = cent.HistoryRequest(channel="kept", limit=10, since=since, reverse=True)
    assert [it.offset for it in CLIENT.history(behind).publications] == [1]
    CLIENT.history_remove(cent.HistoryRemoveRequest(channel="kept"))
    assert CLIENT.history(cent.HistoryRequest(channel="kept", limit=10)).publications == []


def a_broadcast_tells_of_each_channel():
    channels = ["broadcast", "plain:broadcast", "nothing:broadcast"]
    request = cent.BroadcastRequest(channels=channels, data="hi", idempotency_key="once")
    for _ in range(2):
        kept, plain, unknown = CLIENT.broadcast(request).responses
        assert kept.error is None and kept.result.offset == 1
        assert plain.error is None and plain.result.offset == 0
        assert unknown.error.code == 102


def sessions_are_commanded():
    with Listener() as listener:
        of = {"user": "", "client": listener.client, "channel": "commanded"}
        override = cent.ChannelOptionsOverride(force_recovery=cent.BoolValue(value=True))
        subscribe = cent.SubscribeRequest(**of, info={"a": 1}, data=[2], override=override)
        CLIENT.subscribe(subscribe)
        told = listener.next()
        assert told["channel"] == "commanded", told
        assert told["subscribe"]["data"] == [2] and told["subscribe"]["recoverable"], told
        CLIENT.publish(cent.PublishRequest(channel="commanded", data="hi"))
        assert listener.next()["pub"]["data"] == "hi"
        presence = CLIENT.presence(cent.PresenceRequest(channel="commanded")).presence
        assert presence[listener.client].chan_info == {"a": 1}
        stats = CLIENT.presence_stats(cent.PresenceStatsRequest(channel="commanded"))
        assert (stats.num_clients, stats.num_users) == (1, 1)
        channels = CLIENT.channels(cent.ChannelsRequest(pattern="comm*")).channels
        assert channels["commanded"].num_clients == 1
        assert CLIENT.channels(cent.ChannelsRequest(pattern="x*")).channels == {}
        (node,) = CLIENT.info(cent.InfoRequest()).nodes
        assert (node.name, node.num_clients, node.num_subs) == ("test", 1, 1)
        assert node.uid and node.version
        CLIENT.unsubscribe(cent.UnsubscribeRequest(**of))
        assert listener.next()["unsubscribe"]["code"] == 2000
        whom = {"user": "", "client": listener.client}
        CLIENT.refresh(cent.RefreshRequest(**whom, expire_at=4_000_000_000))
        assert listener.next()["refresh"]["expires"]
        CLIENT.disconnect(cent.DisconnectRequest(**whom, whitelist=[listener.client]))
        why = cent.Disconnect(code=4501, reason="bye")
        CLIENT.disconnect(cent.DisconnectRequest(**whom, disconnect=why))
        assert listener.next()["disconnect"] == {"code": 4501, "reason": "bye"}
        assert listener.answer.readline() == b""


def a_batch_is_answered_in_its_order():
    for parallel in (False, True):
        batch = cent.BatchRequest(
            requests=[
                cent.PublishRequest(channel=f"batch-{parallel}", data=1),
                cent.BroadcastRequest(channels=[f"batch-{parallel}"], data=2),
                cent.PresenceStatsRequest(channel=f"batch-{parallel}"),
                cent.HistoryRequest(channel=f"batch-{parallel}"),
            ],
            parallel=parallel,
        )
        publish, broadcast, stats, history = CLIENT.batch(batch).replies
        assert publish.offset == 1
        assert broadcast.responses[0].result.offset == 2
        assert stats.num_clients == 0
        assert (history.publications, history.offset) == ([], 2)


def errors_are_those_of_centrifugo():
    publish = cent.PublishRequest(channel="nothing:1", data=1)
    assert refused(lambda: CLIENT.publish(publish)) == 102
    publish = cent.PublishRequest(channel="", data=1)
    assert refused(lambda: CLIENT.publish(publish)) == 107
    history = cent.HistoryRequest(channel="plain:1", limit=1)
    assert refused(lambda: CLIENT.history(history)) == 108
    presence = cent.PresenceRequest(channel="plain:1")
    assert refused(lambda: CLIENT.presence(presence)) == 108
    position = cent.StreamPosition(offset=1, epoch="another")
    history = cent.HistoryRequest(channel="wrong", limit=1, since=position)
    CLIENT.publish(cent.PublishRequest(channel="wrong", data=1))
    assert refused(lambda: CLIENT.history(history)) == 112


def without_the_key_nothing_is_done():
    for key in ("another", ""):
        other = cent.Client(f"{URL}/api", key, timeout=30)
        try:
            other.info(cent.InfoRequest())
        except cent.CentUnauthorizedError:
            continue
        raise AssertionError(f"{key!r} opens it")


def many_at_a_time_are_answered():
    async def publish_many():
        client = cent.AsyncClient(f"{URL}/api", KEY, timeout=30)
        requests = [cent.PublishRequest(channel="many", data=n) for n in range(100)]
        results = await asyncio.gather(*(client.publish(request) for request in requests))
        await client.close()
        return sorted(result.offset for result in results)

    assert asyncio.run(publish_many()) == list(range(1, 101))


for check in (
    what_is_published_is_kept,
    a_broadcast_tells_of_each_channel,
    sessions_are_commanded,
    a_batch_is_answered_in_its_order,
    errors_are_those_of_centrifugo,
    without_the_key_nothing_is_done,
    many_at_a_time_are_answered,
):
    check()
    print(f"ok: {check.__name__.replace('_', ' ')}", flush=True)
