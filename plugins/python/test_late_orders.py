"""Run with `pytest`, once `pip install ./sdk/python pytest` is done at the top of the checkout.
A node leaves it alone."""

import late_orders
from hearken.testing import deliver, event


def test_a_customer_is_reminded_after_some_days(host):
    deliver(event("custom.order.late", subject="order-7", data={"days": 2}))
    assert host.sent == []
    deliver(event("custom.order.late", subject="order-7", data={"days": 9}))
    assert [(sent.type, sent.subject, sent.data) for sent in host.sent] == [
        ("custom.order.reminder", "order-7", {"days": 9})
    ]
    assert late_orders.limit == 3
