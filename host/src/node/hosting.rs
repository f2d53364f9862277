//! Tells the other nodes which channels this one has, and its log when another has one of the
//! same name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::channel::{Channels, OtherNodes};
use crate::passing::{Elsewhere, Held, Hosting, MAX_HELD, Renamed, changed};

/// Between two looks, so that several changes are told together: where channels are made one
/// after the other, each look goes over all that there are.
const GATHER: Duration = Duration::from_millis(100);

/// Channels that are looked at in one go.
const BATCH: usize = 256;

/// The other nodes, as the channels of this one know them.
pub(super) struct Others(pub(super) Arc<dyn Elsewhere>);

impl OtherNodes for Others {
    fn that_have(&self, channel: &str) -> Vec<String> {
        let holders = self.0.holders(channel).into_iter();
        holders.map(|holder| holder.node.to_string()).collect()
    }

    fn is_settled(&self) -> bool {
        self.0.is_settled()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.renames()
    }
}

/// Tells it for as long as it is polled.
pub(super) async fn host(channels: Channels, hosting: Hosting, elsewhere: Arc<dyn Elsewhere>) {
    let (mut own, mut others) = (channels.changes(), elsewhere.renames());
    own.mark_changed();
    let mut hosted = Hosted::default();
    loop {
        tokio::select! {
            biased;
            () = changed(&mut own) => {
                if channels.is_open() {
                    hosted.look(&channels, &hosting, &*elsewhere).await;
                }
            }
            () = changed(&mut others) => match elsewhere.renamed() {
                Renamed::Names(names) => hosted.compare(names, &*elsewhere).await,
                Renamed::Many => hosted.compare_all(&*elsewhere).await,
            },
        }
        sleep(GATHER).await;
    }
}

/// What was told.
#[derive(Default)]
struct Hosted {
    /// `None` until the node has opened its channels.
    held: Option<Held>,
    /// Whether there were more channels than others are told of.
    too_many: bool,
    /// Names that are taken twice, and the other nodes.
    twice: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Hosted {
    /// Looks at the node's own channels.
    async fn look(&mut self, channels: &Channels, hosting: &Hosting, elsewhere: &dyn Elsewhere) {
        let all = channels.list(None, MAX_HELD + 1);
        let too_many = all.len() > MAX_HELD;
        if too_many && !self.too_many {
            tracing::warn!(
                "other nodes are told of the first {MAX_HELD} channels only, and do not find the \
                 others"
            );
        }
        self.too_many = too_many;
        let before = self.held.take();
        let is_first = before.is_none();
        let before = before.unwrap_or_default();
        let mut held = Held::new();
        let mut news = BTreeSet::new();
        for (at, channel) in all.iter().take(MAX_HELD).enumerate() {
            let epoch = channel.epoch().to_string();
            let name = channel.name().as_str();
            match before.get_key_value(name) {
                Some((name, known)) if **known == *epoch => {
                    held.insert(Arc::clone(name), Arc::clone(known));
                }
                _ => {
                    let name: Arc<str> = name.into();
                    held.insert(Arc::clone(&name), epoch.into());
                    news.insert(name);
                }
            }
            breathe(at).await;
        }
        let gone = before.keys().filter(|name| !held.contains_key(*name));
        news.extend(gone.map(Arc::clone));
        if is_first || !news.is_empty() {
            hosting.hold(held.clone());
        }
        self.held = Some(held);
        self.compare(news, elsewhere).await;
    }

    /// Looks which of these names others have too.
    async fn compare(
        &mut self,
        names: impl IntoIterator<Item = Arc<str>>,
        elsewhere: &dyn Elsewhere,
    ) {
        for (at, name) in names.into_iter().enumerate() {
            let is_held = self
                .held
                .as_ref()
                .is_some_and(|held| held.contains_key(&name));
            let holders = match is_held {
                true => elsewhere.holders(&name),
                false => Vec::new(),
            };
            let nodes: BTreeSet<_> = holders.into_iter().map(|holder| holder.node).collect();
            let before = self.twice.remove(&name).unwrap_or_default();
            for node in nodes.difference(&before) {
                tracing::warn!(
                    channel = %name, other_node = %node,
                    "two nodes have a channel of this name: each uses its own, and others have to \
                     say NAME@NODE; remove one"
                );
            }
            if !nodes.is_empty() {
                self.twice.insert(name, nodes);
            }
            breathe(at).await;
        }
    }

    async fn compare_all(&mut self, elsewhere: &dyn Elsewhere) {
        let held = self.held.iter().flat_map(Held::keys);
        let names: Vec<_> = held.map(Arc::clone).collect();
        self.compare(names, elsewhere).await;
    }
}

/// Lets others go on from time to time.
async fn breathe(at: usize) {
    if at % BATCH == BATCH - 1 {
        yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hearken_channel_log::ChannelName;
    use tokio::sync::watch;

    use super::*;
    use crate::channel::ChannelSettings;
    use crate::channel::test_support::{bus, channels_of};
    use crate::node::test_support::Counting;
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

    #[tokio::test]
    async fn only_what_has_changed_is_looked_for_on_other_nodes() {
        let channels = channels_of(&bus(), BTreeMap::new());
        let make = async |name: &str| {
            let name = ChannelName::new(name).unwrap();
            let settings = ChannelSettings::default();
            let made = channels.set(&name, settings, None, true).await;
            made.unwrap();
        };
        for name in ["orders", "paid", "twice"] {
            make(name).await;
        }
        let (hosting, others) = (Hosting::default(), Counting::default());
        let asked = || others.asked();
        let mut hosted = Hosted::default();
        hosted.look(&channels, &hosting, &others).await;
        assert_eq!(asked(), 3);
        let twice: Vec<_> = hosted.twice.keys().map(|name| name.to_string()).collect();
        assert_eq!(twice, ["twice"]);
        let held = hosting.held();
        hosted.look(&channels, &hosting, &others).await;
        assert_eq!(asked(), 0);
        assert!(!held.has_changed().unwrap(), "nothing is told anew");
        make("more").await;
        hosted.look(&channels, &hosting, &others).await;
        assert_eq!(asked(), 1);
        assert!(held.has_changed().unwrap());
        let names = ["orders", "theirs"].map(Arc::from);
        hosted.compare(names, &others).await;
        assert_eq!(asked(), 1, "of what this node has");
        hosted.compare_all(&others).await;
        assert_eq!(asked(), 4);
    }
}
