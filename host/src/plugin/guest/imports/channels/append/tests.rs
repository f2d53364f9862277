//! A guest that appends while a channel's event is in hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt;
use hearken_channel_log::{ChannelName, Epoch};
use hearken_wire::{ExtensionKind, Fields};

use super::*;
use crate::bus::Frame;
use crate::channel::test_engine::{Call, Fate};
use crate::channel::{ChannelSettings, NoChannel};
use crate::config::Manifest;
use crate::consumer::{Handling, Round};
use crate::plugin::guest::deliveries::Deliveries;
use crate::plugin::guest::imports::channels::test_support::{A_DAY, Billing};
use crate::plugin::guest::rights::RightsInForce;
use crate::plugin::threads::meter::Meter;
use crate::plugin::threads::task::TaskHandle;

const DEADLINE: Duration = Duration::from_secs(5);

/// A guest with the event 7 of `orders` in hand.
struct Handler {
    billing: Billing,
    guest: Guest,
    frame: Arc<Frame>,
    deliveries: Arc<One>,
}

/// The handling of the one event.
struct One(Handling);

impl Deliveries for One {
    fn handling(&self, _: &Frame, _: usize) -> Option<Handling> {
        Some(self.0.clone())
    }
}

impl Handler {
    fn new(dedupe: Duration) -> Self {
        let billing = Billing::new(dedupe);
        let text = "[allow]\nappend = [\"bills\", \"audit\"]";
        let manifest = Manifest::parse(Path::new("p.toml"), text).unwrap();
        let rights = RightsInForce::new("p".into(), Arc::new(manifest), Arc::default());
        let handle = TaskHandle::new(1, DEADLINE, Instant::now());
        let meter = Meter::new(Arc::new(handle), DEADLINE, DEADLINE);
        let guest = Guest::new(
            Arc::clone(&billing.plugin),
            &Arc::new(rights),
            Arc::default(),
            &BTreeMap::new(),
            1 << 20,
            Arc::new(meter),
        );
        let fields = Fields {
            event_type: "custom.paid",
            channel: Some("orders"),
            sequence: Some(7),
            ..Fields::default()
        };
        let mut bytes = Vec::new();
        let none = std::iter::empty::<(&str, ExtensionKind, &str)>();
        hearken_wire::encode(&fields, none, &mut bytes);
        let mut frame = Frame::default();
        frame.push_of_channel(EventRef::assume_encoded(&bytes), true, false, 0);
        Self {
            billing,
            guest,
            frame: Arc::new(frame),
            deliveries: Arc::new(One(Handling {
                epoch: Epoch::new(1),
                round: Round::First,
                outputs: Arc::default(),
            })),
        }
    }

    /// The event is handed over, once more.
    fn attempt(&mut self) {
        let deliveries = Arc::clone(&self.deliveries);
        self.guest
            .batch
            .begin(Arc::clone(&self.frame), 0..1, Some(deliveries));
    }

    /// The end of the id, and whether it was stored before.
    async fn append(&mut self, channel: &str, data: &str) -> Result<(String, bool), AppendRefusal> {
        let event = types::OutgoingEvent {
            type_: "billed".to_owned(),
            id: None,
            subject: None,
            time: None,
            datacontenttype: None,
            data: Some(data.as_bytes().to_vec()),
            distributed: false,
            channel: None,
            extensions: Vec::new(),
        };
        let receipt = self.guest.append_to(channel, vec![event], None).await?;
        let event = receipt.events.first().expect("one");
        let end = event.id.strip_prefix("orders/0000000000000001/7/");
        let end = end.unwrap_or(&event.id).to_owned();
        Ok((end, event.duplicate))
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_does_not_shift_what_comes_behind_it() {
    let mut handler = Handler::new(A_DAY);
    handler.attempt();
    let missing = handler.append("audit", "a").await;
    assert!(matches!(
        missing,
        Err(AppendRefusal::NoChannel(NoChannel { .. }))
    ));
    while handler.billing.plugin.spend() {}
    let spent = handler.append("bills", "b").await;
    assert!(matches!(spent, Err(AppendRefusal::Budget)));
    tokio::time::advance(Duration::from_secs(1)).await;
    let bill = ("p/2".to_owned(), false);
    assert_eq!(handler.append("bills", "b").await.unwrap(), bill);
    let last = ("p/3".to_owned(), false);
    assert_eq!(handler.append("bills", "c").await.unwrap(), last);

    let audit = ChannelName::new("audit").unwrap();
    let made = ChannelSettings::default();
    let made = handler.billing.channels.set(&audit, made, None, true).await;
    made.expect("it can be made");
    handler.attempt();
    let first = ("p/1".to_owned(), false);
    assert_eq!(handler.append("audit", "a").await.unwrap(), first);
    let bill = ("p/2".to_owned(), true);
    assert_eq!(handler.append("bills", "b").await.unwrap(), bill);
    let other = handler.append("bills", "d").await;
    assert!(matches!(other, Err(AppendRefusal::Invalid(_))), "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_is_told_before_the_deadline() {
    let mut handler = Handler::new(Duration::ZERO);
    handler.billing.engine.set(Call::Append, 0, Fate::Hangs);
    handler.attempt();
    let began = Instant::now();
    let slow = handler.append("bills", "b").await.unwrap_err();
    assert!(began.elapsed() < DEADLINE);
    let told = types::AppendError::from(slow);
    assert!(
        matches!(&told, types::AppendError::OutcomeUnknown(why) if why.contains("4s 750ms")),
        "{told:?}"
    );
    let plugin = Arc::clone(&handler.billing.plugin);
    let all = || plugin.room_to_append(usize::MAX);
    assert!(all().now_or_never().is_none(), "it is still under way");
    handler.billing.engine.recover();
    handler.attempt();
    let stored = ("p/1".to_owned(), true);
    assert_eq!(handler.append("bills", "b").await.unwrap(), stored);
    let status = handler.billing.bills.status().expect("it is there");
    assert_eq!((status.appended, status.duplicates), (1, 0));
    tokio::time::sleep(DEADLINE).await;
    assert!(all().now_or_never().flatten().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_plugin_whose_appends_take_all_of_its_room_waits_for_them() {
    let mut handler = Handler::new(A_DAY);
    handler.attempt();
    let plugin = Arc::clone(&handler.billing.plugin);
    let all = plugin.room_to_append(usize::MAX).await;
    let full = handler.append("bills", "b").await.unwrap_err();
    let told = types::AppendError::from(full);
    assert!(matches!(told, types::AppendError::Overloaded), "{told:?}");
    drop(all);
    let stored = ("p/1".to_owned(), false);
    assert_eq!(handler.append("bills", "b").await.unwrap(), stored);
}
