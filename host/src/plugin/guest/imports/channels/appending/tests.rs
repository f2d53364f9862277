//! Appends in the course of a channel's event, to a channel in memory.

use std::time::Duration;

use futures_util::FutureExt;

use super::*;
use crate::channel::test_engine::{Call, Fate};
use crate::consumer::MAX_OUTPUTS;
use crate::event::{Draft, EventType};
use crate::plugin::guest::imports::channels::test_support::{A_DAY, Billing};

/// An event that is numbered, or brings an id.
enum Bill {
    Numbered(u64, &'static str),
    Own(&'static str),
}
use Bill::{Numbered, Own};

impl Billing {
    fn append(&self, outputs: &Arc<Outputs>, bills: &[Bill]) -> Appending {
        let drafts = bills.iter().map(|bill| {
            let (id, data) = match bill {
                Numbered(number, data) => (format!("orders/e/1/p/{number}"), *data),
                Own(id) => ((*id).to_owned(), "own"),
            };
            Draft {
                id: Some(id.into()),
                data: Some(data.as_bytes().into()),
                ..Draft::new(EventType::custom("billed").unwrap())
            }
        });
        let publisher = &self.plugin.publisher;
        let events = self.bills.encode(publisher, "plugin:p", drafts.collect());
        let named = bills.iter().enumerate();
        let named = named.filter(|(_, bill)| matches!(bill, Numbered(..)));
        Appending {
            plugin: Arc::clone(&self.plugin),
            channel: Arc::clone(&self.bills),
            count: bills.len(),
            events: events.unwrap(),
            named: named.map(|(at, _)| at).collect(),
            outputs: Some(Arc::clone(outputs)),
            expected: Expected::Any,
        }
    }

    /// Events that are stored, and those that the channel knew by their ids.
    fn counts(&self) -> (u64, u64) {
        let status = self.bills.status().expect("it is there");
        (status.appended, status.duplicates)
    }
}

/// The numbers, and which of them are told as stored before.
fn told(receipt: &Receipt) -> Vec<(u64, bool)> {
    let events = receipt.events.iter();
    events
        .map(|event| (event.sequence, event.duplicate))
        .collect()
}

#[tokio::test]
async fn what_an_attempt_before_has_stored_is_not_stored_again() {
    let billing = Billing::new(A_DAY);
    let outputs = Arc::default();
    let bills = [Numbered(1, "a"), Numbered(2, "b")];
    let first = billing.append(&outputs, &bills).run().await.unwrap();
    assert_eq!(told(&first), [(1, false), (2, false)]);
    let again = billing.append(&outputs, &bills).run().await.unwrap();
    assert_eq!(told(&again), [(1, true), (2, true)]);
    assert_eq!((again.epoch, again.last), (first.epoch, 2));
    let more = [Own("x"), Numbered(2, "b"), Own("y"), Numbered(3, "c")];
    let more = billing.append(&outputs, &more).run().await.unwrap();
    assert_eq!(told(&more), [(3, false), (2, true), (4, false), (5, false)]);
    assert_eq!(billing.counts(), (5, 0), "the channel was not even asked");
}

#[tokio::test]
async fn another_event_is_never_told_as_stored() {
    let billing = Billing::new(A_DAY);
    let outputs = Arc::default();
    let first = billing.append(&outputs, &[Numbered(1, "a")]);
    first.run().await.unwrap();
    let other = [Numbered(1, "b"), Numbered(2, "c")];
    let refused = billing.append(&outputs, &other).run().await;
    let refused = refused.expect_err("it is another").to_string();
    assert!(
        refused.contains("event 0 of the batch") && refused.contains("`orders/e/1/p/1`"),
        "{refused}"
    );
    assert_eq!(billing.counts(), (1, 0), "all or none");
    // After a restart, when the channel alone knows of it.
    let outputs = Arc::default();
    let refused = billing.append(&outputs, &[Numbered(1, "b")]).run().await;
    let refused = refused.expect_err("it is another").to_string();
    assert!(refused.contains("with the number 1"), "{refused}");
    let same = billing.append(&outputs, &[Numbered(1, "a")]).run().await;
    assert_eq!(told(&same.unwrap()), [(1, true)]);
    assert_eq!(billing.counts(), (1, 2));
}

#[tokio::test]
async fn an_append_that_its_guest_did_not_live_to_see_is_remembered() {
    let billing = Billing::new(Duration::ZERO);
    let outputs = Arc::default();
    billing.engine.set(Call::Append, 0, Fate::Hangs);
    let first = billing.append(&outputs, &[Numbered(1, "a")]);
    drop(billing.bills.keep_at(first.run()).unwrap());
    billing.engine.hangs().await;
    let again = billing.append(&outputs, &[Numbered(1, "a")]);
    let mut again = Box::pin(again.run());
    assert!(again.as_mut().now_or_never().is_none(), "it has its turn");
    billing.engine.recover();
    assert_eq!(told(&again.await.unwrap()), [(1, true)]);
    assert_eq!(billing.counts(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_batch_costs_as_much_as_its_events_and_their_size() {
    let billing = Billing::new(A_DAY);
    let batches = [
        (vec![1; 1000], 100),
        (vec![4097; 256], 52),
        (vec![1 << 20], 26),
    ];
    for (sizes, milliseconds) in batches {
        tokio::time::advance(Duration::from_secs(1)).await;
        let spend = |sizes: Vec<usize>| billing.plugin.spend_on_append(sizes.into_iter());
        assert!(spend(sizes));
        tokio::time::advance(Duration::from_millis(milliseconds - 1)).await;
        assert!(!spend(vec![512 * 4096]));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(spend(vec![512 * 4096]));
    }
}

#[tokio::test]
async fn what_is_refused_takes_no_room_and_is_not_remembered() {
    let billing = Billing::new(A_DAY);
    let outputs = Arc::default();
    billing.engine.set(Call::Append, 0, Fate::Fails);
    let failed = billing.append(&outputs, &[Numbered(1, "a")]).run().await;
    assert!(matches!(failed, Err(AppendRefusal::Failure(_))));
    billing.engine.recover();
    let all = outputs.reserve(&billing.plugin.outputs, MAX_OUTPUTS - 4);
    let none = billing.append(&outputs, &[Numbered(1, "a")]).run().await;
    let overloaded = AppendFailure::Log(AppendError::Overloaded);
    let none = none.expect_err("there is no room to remember it");
    assert_eq!(none.to_string(), overloaded.to_string());
    drop(all.expect("there is room for all of it"));
    let stored = billing.append(&outputs, &[Numbered(1, "a")]).run().await;
    assert_eq!(told(&stored.unwrap()), [(1, false)]);
}
