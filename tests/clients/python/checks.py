"""What is checked, one after the other; each has channels of its own: PORT SECRET."""

import asyncio
import sys
import time
from functools import partial

import centrifuge
from stage import Cable, Stage, SubscriptionEvents, within


async def refused(call):
    """The code of the error that a call ends in."""
    try:
        await call
    except centrifuge.ReplyError as error:
        assert error.message
        return error.code
    raise AssertionError("it was to fail")


async def ended(client, channel, **options):
    """The code with which a subscription is refused for good."""
    events = SubscriptionEvents()
    await client.new_subscription(channel, events=events, **options).subscribe()
    return (await events.next("unsubscribed")).code


async def publish_number(stage, channel, number):
    await stage.publish({"type": "said", "channel": channel, "data": number})


async def until_of(events, name, user):
    """The next event of this name that is about a user."""
    while (context := await events.next(name)).info.user != user:
        pass
    return context.info


async def what_one_client_publishes_another_gets(stage):
    anna, bob = await stage.user("anna"), await stage.user("bob")
    theirs = await stage.subscribed(bob, f"chat:hall-{stage.encoding}")
    own = await stage.subscribed(anna, f"chat:hall-{stage.encoding}")
    await own.publish(stage.write({"text": "hi ✓"}))
    pub = (await theirs.events.next("publication")).pub
    assert stage.read(pub.data) == {"text": "hi ✓"}
    assert pub.offset == 1
    assert pub.info.user == "anna"
    assert pub.tags["type"] == "custom.chat.published"


async def what_is_published_by_http_comes_with_the_tags_of_its_event(stage):
    channel = f"chat:shop-{stage.encoding}"
    subscription = await stage.subscribed(await stage.user("anna"), channel)
    event = {"type": "stock.low", "subject": "pear", "channel": channel, "data": {"left": 3}}
    receipt = await stage.publish(event)
    pub = (await subscription.events.next("publication")).pub
    assert stage.read(pub.data) == {"left": 3}
    assert pub.offset == receipt["sequence"]
    assert pub.tags == {"type": "custom.stock.low", "subject": "pear"}
    assert pub.info is None


async def the_history_is_read_from_either_end(stage):
    anna = await stage.user("anna")
    subscription = await stage.subscribed(anna, f"chat:past-{stage.encoding}")
    for n in range(1, 6):
        await subscription.publish(stage.write(n))

    def numbers(history):
        return [stage.read(pub.data) for pub in history.publications]

    whole = await subscription.history(limit=10)
    assert numbers(whole) == [1, 2, 3, 4, 5]
    assert whole.offset == 5
    assert numbers(await subscription.history(limit=2, reverse=True)) == [5, 4]
    since = centrifuge.StreamPosition(offset=3, epoch=whole.epoch)
    assert numbers(await subscription.history(limit=10, since=since)) == [4, 5]
    position = await subscription.history(limit=0)
    assert (position.publications, position.offset) == ([], 5)
    other = centrifuge.StreamPosition(offset=3, epoch="another")
    assert await refused(subscription.history(limit=1, since=other)) == 112


async def everybody_sees_who_is_there_who_comes_and_who_goes(stage):
    channel = f"chat:door-{stage.encoding}"
    anna, bob = await stage.user("anna"), await stage.user("bob", info={"from": "afar"})
    subscription = await stage.subscribed(anna, channel, join_leave=True)
    theirs = await stage.subscribed(bob, channel)
    joined = await until_of(subscription.events, "join", "bob")
    assert stage.read(joined.conn_info) == {"from": "afar"}
    clients = (await subscription.presence()).clients
    assert sorted(info.user for info in clients.values()) == ["anna", "bob"]
    assert clients[joined.client].user == "bob"
    stats = await subscription.presence_stats()
    assert (stats.num_clients, stats.num_users) == (2, 2)
    await theirs.unsubscribe()
    assert await until_of(subscription.events, "leave", "bob") == joined
    stats = await subscription.presence_stats()
    assert (stats.num_clients, stats.num_users) == (1, 1)


async def whoever_was_cut_off_gets_what_was_missed_once_and_in_order(stage):
    channel = f"chat:away-{stage.encoding}"
    cable = await Cable(stage.port).lay()
    bob = await stage.user("bob", cable.port)
    subscription = await stage.subscribed(bob, channel, recoverable=True)
    publish = partial(publish_number, stage, channel)
    await publish(1)
    assert await stage.publications(subscription.events, 1) == ([1], [1])
    cable.cut()
    await subscription.events.next("subscribing")
    for n in range(2, 21):
        await publish(n)
    cable.mend()
    again = await subscription.events.next("subscribed")
    assert again.was_recovering and again.recovered
    await publish(21)
    numbers = list(range(2, 22))
    assert await stage.publications(subscription.events, 20) == (numbers, numbers)
    # More than the history has.
    cable.cut()
    await subscription.events.next("subscribing")
    for n in range(120):
        await publish(n)
    cable.mend()
    again = await subscription.events.next("subscribed")
    assert again.was_recovering and not again.recovered
    await bob.disconnect()
    cable.server.close()


async def channels_that_a_token_names_are_subscribed_to_and_recovered(stage):
    channel = f"chat:desk-{stage.encoding}"
    cable = await Cable(stage.port).lay()
    subs = {channel: {"override": {"force_recovery": {"value": True}}}}
    client = await stage.user("anna", cable.port, subs=subs)
    on = await client.events.next("subscribed")
    assert (on.channel, on.recoverable) == (channel, True)
    publish = partial(publish_number, stage, channel)
    await publish(1)
    assert await stage.publications(client.events, 1) == ([1], [1])
    cable.cut()
    # The first was when it was told to connect.
    for _ in range(2):
        await client.events.next("connecting")
    await publish(2)
    await publish(3)
    cable.mend()
    again = await client.events.next("subscribed")
    assert again.was_recovering and again.recovered
    await publish(4)
    assert await stage.publications(client.events, 3) == ([2, 3, 4], [2, 3, 4])
    await client.disconnect()
    cable.server.close()


async def deltas_become_what_was_published(stage):
    channel = f"text:page-{stage.encoding}"
    delta = centrifuge.DeltaType.FOSSIL
    anna = await stage.user("anna")
    subscription = await stage.subscribed(anna, channel, recoverable=True, delta=delta)
    long = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 10
    texts = [f"{long} {n} {long}" for n in range(5)]
    for text in texts:
        await stage.publish({"type": "edited", "channel": channel, "data": {"text": text}})
    came = [(await subscription.events.next("publication")).pub for _ in texts]
    assert [stage.read(pub.data)["text"] for pub in came] == texts
    assert [pub.delta for pub in came] == [False, True, True, True, True]


async def who_asks_for_some_tags_gets_those_alone(stage):
    channel = f"live:market-{stage.encoding}"
    pears = centrifuge.Filter.eq("subject", "pear")
    subscription = await stage.subscribed(await stage.user("anna"), channel, tags_filter=pears)
    for n, subject in enumerate(["pear", "plum", "pear"]):
        event = {"type": "sold", "subject": subject, "channel": channel, "data": n}
        await stage.publish(event)
    assert (await stage.publications(subscription.events, 2))[0] == [0, 2]


async def what_there_is_not_and_what_is_not_allowed_is_refused(stage):
    anna = await stage.user("anna")
    assert await ended(anna, "nothing:here") == 102
    assert await ended(anna, "$chat:secret") == 103
    assert await refused(anna.publish("chat:elsewhere", stage.write(1))) == 103
    assert await refused(anna.presence("live:x")) == 108
    assert await refused(anna.history("live:x")) == 108
    assert await refused(anna.rpc("no.such.method", stage.write({}))) == 108
    # None of which ends the session.
    await stage.subscribed(anna, "live:x")


async def a_subscription_token_opens_a_channel_that_is_closed_otherwise(stage):
    anna = await stage.user("anna")
    opens = stage.token(sub="anna", channel="$chat:board")
    await stage.subscribed(anna, "$chat:board", token=opens)
    asked = []

    async def fresh(channel):
        asked.append(channel)
        return stage.token(sub="anna", channel=channel)

    late = stage.token(sub="anna", channel="$chat:late", exp=int(time.time()) - 60)
    await stage.subscribed(anna, "$chat:late", token=late, get_token=fresh)
    assert asked == ["$chat:late"]
    # What is the token of another user ends the session.
    other = stage.token(sub="bob", channel="$chat:other")
    await anna.new_subscription("$chat:other", token=other).subscribe()
    assert (await anna.events.next("disconnected")).code == 3500


async def who_has_no_token_is_nobody_and_may_what_nobody_may(stage):
    nobody = stage.client()
    await nobody.connect()
    await stage.subscribed(nobody, "live:news")
    assert await ended(nobody, "chat:hall") == 103


async def a_forged_token_ends_it_and_one_that_expires_is_asked_for_again(stage):
    forged = stage.client(token=stage.token(sub="anna")[:-4] + "AAAA")
    await forged.connect()
    assert (await forged.events.next("disconnected")).code == 3500
    # The first has expired, the second soon will have.
    expiries, asked = [2, 3600], asyncio.Queue()

    async def fresh():
        in_seconds = expiries.pop(0)
        asked.put_nowait(in_seconds)
        return stage.token(sub="anna", exp=int(time.time()) + in_seconds)

    late = stage.token(sub="anna", exp=int(time.time()) - 60)
    client = stage.client(token=late, get_token=fresh)
    await client.connect()
    await client.events.next("connected")
    for in_seconds in (2, 3600):
        assert await within("a token is asked for", asked.get()) == in_seconds
    await stage.subscribed(client, "live:later")
    assert client.events.came["connected"].empty(), "it has connected once"


async def many_at_a_time_are_answered(stage):
    anna = await stage.user("anna")
    channels = [f"chat:many-{stage.encoding}-{n}" for n in range(100)]
    all_of = [stage.subscribed(anna, channel) for channel in channels]
    subscriptions = await asyncio.gather(*all_of)
    await asyncio.gather(*(one.publish(stage.write(1)) for one in subscriptions))
    for one in subscriptions:
        assert await stage.publications(one.events, 1) == ([1], [1])


CHECKS = (
    what_one_client_publishes_another_gets,
    what_is_published_by_http_comes_with_the_tags_of_its_event,
    the_history_is_read_from_either_end,
    everybody_sees_who_is_there_who_comes_and_who_goes,
    whoever_was_cut_off_gets_what_was_missed_once_and_in_order,
    channels_that_a_token_names_are_subscribed_to_and_recovered,
    deltas_become_what_was_published,
    who_asks_for_some_tags_gets_those_alone,
    what_there_is_not_and_what_is_not_allowed_is_refused,
    a_subscription_token_opens_a_channel_that_is_closed_otherwise,
    who_has_no_token_is_nobody_and_may_what_nobody_may,
    a_forged_token_ends_it_and_one_that_expires_is_asked_for_again,
    many_at_a_time_are_answered,
)


async def main():
    port, secret = int(sys.argv[1]), sys.argv[2]
    for encoding in ("json", "protobuf"):
        stage = Stage(port, secret, encoding)
        for check in CHECKS:
            await check(stage)
            await stage.rest()
            print(f"ok: {encoding}: {check.__name__.replace('_', ' ')}", flush=True)


asyncio.run(main())
