//! Tells the other nodes which channels this one has, and its log when another has one of the
//! same name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::channel::Channels;
use crate::passing::{Elsewhere, Held, Hosting, MAX_HELD};

/// Between two looks, so that several changes are told together.
const GATHER: Duration = Duration::from_millis(20);

/// Tells it for as long as it is polled.
pub(super) async fn host(channels: Channels, hosting: Hosting, elsewhere: Arc<dyn Elsewhere>) {
    let (mut own, mut others) = (channels.changes(), elsewhere.changes());
    let mut hosted = Hosted::default();
    loop {
        own.borrow_and_update();
        others.borrow_and_update();
        if channels.is_open() {
            hosted.look(&channels, &hosting, &*elsewhere);
        }
        sleep(GATHER).await;
        tokio::select! {
            () = changed(&mut own) => {}
            () = changed(&mut others) => {}
        }
    }
}

async fn changed(changes: &mut watch::Receiver<u64>) {
    if changes.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What was told.
#[derive(Default)]
struct Hosted {
    held: Option<Held>,
    /// Whether there were more channels than others are told of.
    too_many: bool,
    /// Names that are taken twice, and the other node.
    twice: BTreeSet<(String, String)>,
}

impl Hosted {
    fn look(&mut self, channels: &Channels, hosting: &Hosting, elsewhere: &dyn Elsewhere) {
        let all = channels.list(None, MAX_HELD + 1);
        let too_many = all.len() > MAX_HELD;
        if too_many && !self.too_many {
            tracing::warn!(
                "other nodes are told of the first {MAX_HELD} channels only, and do not find the \
                 others"
            );
        }
        self.too_many = too_many;
        let held = all.iter().take(MAX_HELD).map(|channel| {
            let epoch = channel.epoch().to_string();
            (channel.name().as_str().into(), epoch.into())
        });
        let held: Held = held.collect();
        let mut twice = BTreeSet::new();
        for name in held.keys() {
            let holders = elsewhere.holders(name).into_iter();
            twice.extend(holders.map(|holder| (name.to_string(), holder.node.to_string())));
        }
        for (channel, node) in twice.difference(&self.twice) {
            tracing::warn!(
                %channel, other_node = %node,
                "two nodes have a channel of this name: each means its own by it, and others have \
                 to say NAME@NODE; remove one"
            );
        }
        self.twice = twice;
        if self.held.as_ref() != Some(&held) {
            hosting.hold(held.clone());
            self.held = Some(held);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hearken_channel_log::ChannelName;

    use super::*;
    use crate::channel::ChannelSettings;
    use crate::channel::test_support::{bus, channels_of};
    use crate::passing::Alone;

    #[tokio::test(start_paused = true)]
    async fn others_are_told_what_there_is_and_what_comes_and_goes() {
        let channels = channels_of(&bus(), BTreeMap::new());
        let hosting = Hosting::default();
        let mut held = hosting.held();
        let names = |held: &mut watch::Receiver<Option<Arc<Held>>>| {
            let held = held.borrow_and_update();
            let held = held.as_ref().expect("the channels are open");
            held.keys().map(|name| name.to_string()).collect::<Vec<_>>()
        };
        let told = tokio::spawn(host(channels.clone(), hosting, Arc::new(Alone)));
        held.changed().await.unwrap();
        assert_eq!(names(&mut held), [""; 0]);
        let name = ChannelName::new("orders").unwrap();
        let settings = ChannelSettings::default();
        let made = channels.set(&name, settings, None, true).await;
        let (channel, _) = made.unwrap();
        held.changed().await.unwrap();
        assert_eq!(names(&mut held), ["orders"]);
        let end = crate::channel::ExpectedEnd {
            epoch: None,
            last: None,
        };
        channels.remove(&channel, end).await.unwrap();
        held.changed().await.unwrap();
        assert_eq!(names(&mut held), [""; 0]);
        told.abort();
    }
}
