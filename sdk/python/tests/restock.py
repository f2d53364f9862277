"""A plugin, as it would lie in a plugins folder."""

from hearken import Event, Reject, append, bucket, config, fetch, listen, log, send, session_hooks, sessions, wait


@listen("custom.cart.{added,changed}", local_only=True)
async def restock(event: Event) -> None:
    if event.data["quantity"] <= int(config.get("limit", "100")):
        return
    answer = wait("custom.stock.ordered", subject=event.subject, timeout="2s")
    send("stock.low", subject=event.subject, data=event.data["quantity"])
    bucket("orders").increment(event.subject or "", (await answer).data)


@listen("custom.order.*", channel="orders")
def book(event: Event) -> None:
    if event.data is None:
        raise Reject("it is empty")
    append("booked", "booked", data=event.data)


@listen("custom.price.asked")
def price(event: Event) -> None:
    reply = fetch(f"https://prices.example/{event.subject}").result()
    log.info("asked for", event.subject)
    send("price", data=reply.json()["price"])


@session_hooks("chat")
class Chat:
    def rpc(self, session, method, data):
        sessions.send({"user": data["to"]}, {"from": session.user})
        return method
