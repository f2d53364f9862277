//! What other nodes ask of the durable channels of this one.

use std::collections::BTreeSet;
use std::sync::Arc;

use hearken_channel_log::{Epoch, ReadError, StorageFault};
use hearken_session_protocol::codes::errors;

use super::appending::refusal_of;
use super::core::Watching;
use super::finding::Holder;
use crate::channel::{Channel, Found, ReadAmount, ReadFailure};
use crate::mesh::PeerNode;
use crate::session::across::protocol::across::Kind;
use crate::session::across::protocol::answer::What;
use crate::session::across::protocol::log_read::Outcome;
use crate::session::across::protocol::{
    AppendLog, LogNews, LogOpened, LogRead, OpenLog, ReadLog, Refusal, UnwatchLog, refusal,
};
use crate::session::across::wire::is_number;
use crate::session::log::Log;
use crate::session::name::ChannelName;
use crate::session::shared::Shared;

/// Most that is read for one answer, which goes into a message.
const MOST: ReadAmount = ReadAmount {
    events: 256,
    bytes: 96 << 10,
};

impl Shared {
    /// What another node is answered that opens a channel, which may have to be made.
    pub(in crate::session) async fn serve_open(
        self: Arc<Self>,
        from: PeerNode,
        asked: OpenLog,
    ) -> What {
        match self.opened(&from, &asked).await {
            Ok(opened) => What::LogOpened(opened),
            Err(why) => What::Refused(why),
        }
    }

    async fn opened(
        self: &Arc<Self>,
        from: &PeerNode,
        asked: &OpenLog,
    ) -> Result<LogOpened, Refusal> {
        let unknown = || Refusal::of(refusal::Reason::Unknown);
        let name = ChannelName::new(&asked.channel).map_err(|_| unknown())?;
        let channel = match self.channels.get(name.as_str()) {
            Some(channel) => channel,
            // It is not known yet which there are.
            None if !self.channels.is_open() => return Err(Refusal::busy()),
            // Whoever wants nothing of it asks whether anybody has it.
            None if (asked.make || !asked.watch) && self.holder_of(&name) != Holder::Nowhere => {
                return Err(Refusal::moved());
            }
            None if asked.make => self.made_for(&name).await?,
            None => return Err(unknown()),
        };
        // Before it is looked how far it goes, so that nothing is missed.
        if asked.watch && !self.watch_log(from, &name, &channel) {
            return Err(Refusal::error(errors::LIMIT_EXCEEDED.clone()));
        }
        let log = Log::Near(Arc::clone(&channel));
        let bounds = log.bounds().ok_or_else(unknown)?;
        Ok(LogOpened {
            epoch: channel.epoch().to_string(),
            first: bounds.first,
            last: bounds.last,
            missing: log.missing(),
            damaged: log.damaged(),
            declared: channel.namespace().is_none(),
        })
    }

    /// Makes a channel of a namespace.
    async fn made_for(&self, name: &ChannelName) -> Result<Arc<Channel>, Refusal> {
        let unknown = || Refusal::of(refusal::Reason::Unknown);
        let namespace = self
            .namespace(&self.in_use(), name)
            .map_err(|_| unknown())?;
        if !namespace.durable {
            return Err(unknown());
        }
        let made = self.make_near(name, &namespace).await;
        made.map_err(Refusal::error)
    }

    /// Another node is told of a log from now on; unless of too many.
    fn watch_log(
        self: &Arc<Self>,
        from: &PeerNode,
        name: &ChannelName,
        channel: &Arc<Channel>,
    ) -> bool {
        let watching = self.across.durable.watch(name, channel.epoch(), from);
        let Some(Watching { task, removed }) = watching else {
            return false;
        };
        if let Some((epoch, watchers)) = removed {
            // Whoever told of that one finds that it is not to any more.
            self.tell_removed(name, epoch, watchers);
        }
        if let Some(task) = task {
            let (shared, name) = (Arc::clone(self), name.clone());
            let channel = Arc::clone(channel);
            self.tasks
                .run(async move { shared.tell_of_log(&name, &channel, task).await });
        }
        true
    }

    fn tell_removed(&self, name: &ChannelName, epoch: Epoch, watchers: BTreeSet<PeerNode>) {
        let news = LogNews {
            channel: name.to_string(),
            epoch: epoch.to_string(),
            last: 0,
            removed: true,
        };
        for watcher in watchers {
            self.across.say(&watcher, Kind::LogNews(news.clone()));
        }
    }

    /// Tells other nodes when there is more in a log, as long as any is to be told.
    async fn tell_of_log(self: Arc<Self>, name: &ChannelName, channel: &Channel, task: u64) {
        let durable = &self.across.durable;
        let news = |last| LogNews {
            channel: name.to_string(),
            epoch: channel.epoch().to_string(),
            last,
            removed: false,
        };
        // What came before this task runs is told once more.
        let mut told = 0;
        loop {
            let is_there = channel.beyond(told).await.is_ok();
            let Some(bounds) = channel.bounds().filter(|_| is_there) else {
                let watchers = durable.take_watchers(name, task);
                return self.tell_removed(name, channel.epoch(), watchers);
            };
            told = bounds.last;
            let Some(watchers) = durable.watched_by(name, task) else {
                return;
            };
            for watcher in watchers {
                self.across.say(&watcher, Kind::LogNews(news(told)));
            }
        }
    }

    /// A node says that there is more in a log. It is told if nobody here wants to know.
    pub(in crate::session) fn take_log_news(&self, from: &PeerNode, news: &LogNews) {
        let unwatch = || {
            let channel = news.channel.clone();
            self.across
                .say(from, Kind::UnwatchLog(UnwatchLog { channel }));
        };
        if let Ok(name) = ChannelName::new(&news.channel)
            && is_number(news.last)
        {
            let durable = &self.across.durable;
            durable.hear(&name, &from.name, news, unwatch);
        }
    }

    /// A node need not be told of a log any more.
    pub(in crate::session) fn take_unwatch(&self, from: &PeerNode, unwatch: &UnwatchLog) {
        if let Ok(name) = ChannelName::new(&unwatch.channel) {
            self.across.durable.unwatch(&name, from);
        }
    }

    /// What another node is answered that reads a log.
    pub(in crate::session) async fn serve_read(self: Arc<Self>, asked: ReadLog) -> What {
        What::LogRead(self.read_for(&asked).await)
    }

    async fn read_for(&self, asked: &ReadLog) -> LogRead {
        let outcome = |outcome: Outcome, next, last| LogRead {
            outcome: outcome.into(),
            next,
            last,
            ..LogRead::default()
        };
        let channel = self.channels.get(&asked.channel);
        let channel = channel.filter(|channel| channel.epoch().to_string() == asked.epoch);
        let Some(channel) = channel else {
            return match self.channels.is_open() {
                true => outcome(Outcome::Removed, 0, 0),
                false => outcome(Outcome::Busy, 0, 0),
            };
        };
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let amount = ReadAmount {
            events: number(asked.events).clamp(1, MOST.events),
            bytes: number(asked.bytes).min(MOST.bytes),
        };
        // What is read is in memory until it is sent.
        let read = match self.answering.acquire().await {
            Ok(_turn) => {
                self.read_log(&Log::Near(channel), asked.after, amount)
                    .await
            }
            Err(_) => Err(ReadFailure::Log(ReadError::Storage(StorageFault::closed()))),
        };
        match read {
            Ok(Found {
                events,
                next,
                last,
                gap,
                ..
            }) => LogRead {
                events,
                next,
                last,
                gap: gap.map_or(0, |gap| gap.last),
                ..LogRead::default()
            },
            Err(ReadFailure::Removed) => outcome(Outcome::Removed, 0, 0),
            Err(ReadFailure::Beyond { last, .. }) => outcome(Outcome::Beyond, 0, last),
            Err(ReadFailure::Log(ReadError::Damaged(span))) => {
                outcome(Outcome::Damaged, span.last, 0)
            }
            Err(ReadFailure::Log(ReadError::Overloaded)) => outcome(Outcome::Busy, 0, 0),
            Err(ReadFailure::Log(_)) => outcome(Outcome::Failed, 0, 0),
        }
    }

    /// What another node is answered that appends to a log.
    pub(in crate::session) async fn serve_append(
        self: Arc<Self>,
        from: PeerNode,
        asked: AppendLog,
    ) -> What {
        match self.append_for(&from, &asked).await {
            Ok(number) => What::Appended(number),
            Err(why) => What::Refused(refusal_of(why)),
        }
    }
}
