//! Those who want much: long lists of filters that come and go.

use std::time::Duration;

use hearken::bus::{Filter, MailboxLimits, Overflow, ReceiverKind, Subscription};
use hearken::event::Pattern;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::Context;

/// How many of them there are.
const WISHERS: usize = 3;

/// Most filters of one: together more than a node asks another for one by one.
const MAX_FILTERS: usize = 600;

/// Longest subject of one in bytes: several together make more bytes than a node asks
/// for.
const MAX_SUBJECT: usize = 1_000;

/// How long one stays, or stays away, in milliseconds.
const STAY: std::ops::Range<u64> = 20..3_000;

/// Starts them; they end with the node.
pub fn start(context: &Context, random: &mut StdRng) {
    for _ in 0..WISHERS {
        let random = StdRng::from_seed(random.random());
        spawn_local(wish(context.clone(), random));
    }
}

async fn wish(context: Context, mut random: StdRng) {
    let mut stay = {
        let mut random = StdRng::from_seed(random.random());
        move || sleep(Duration::from_millis(random.random_range(STAY)))
    };
    let pattern = Pattern::new("custom.wished").expect("a pattern");
    loop {
        stay().await;
        let filters = |random: &mut StdRng| -> Vec<Filter> {
            let length = if random.random_bool(0.3) {
                MAX_SUBJECT
            } else {
                8
            };
            let count = random.random_range(1..MAX_FILTERS);
            let filter = |_| {
                let number = random.random_range(0..2 * MAX_FILTERS);
                Filter {
                    subject: Some(format!("{number:0>length$}").into()),
                    ..Filter::new(pattern.clone())
                }
            };
            (0..count).map(filter).collect()
        };
        let receiver = context.bus.subscribe(Subscription {
            name: "wisher".into(),
            kind: ReceiverKind::Stream,
            filters: filters(&mut random),
            limits: MailboxLimits::default(),
            overflow: Overflow::DropOldest,
            partitions: 1,
        });
        context.ledger.borrow_mut().coverage.wishes += 1;
        stay().await;
        receiver.route(filters(&mut random));
        stay().await;
    }
}
