//! One plugin's place in one channel.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hearken_channel_log::{ChannelName, Environment, Epoch};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::letter::{self, Letter};
use super::report::{Hanging, Reporter};
use super::settings::ConsumeSettings;
use super::state::{Outcome, State, Told, let_go};
use super::status::{ConsumerStatus, Stalled};
use super::verdict::Verdict;
use super::work::{Entry, Source, Stage, Ticket};
use crate::bus::Filter;

/// A plugin's place in a channel. It outlives all versions of the plugin.
pub struct Consumer {
    pub(super) plugin: Arc<str>,
    pub(super) channel: ChannelName,
    pub(super) environment: Arc<dyn Environment>,
    pub(super) reporter: Reporter,
    state: Mutex<State>,
    pub(super) signals: Signals,
    /// How many feeds there are.
    pub(super) feeds: watch::Sender<usize>,
    /// The turn of those who write where it is.
    pub(super) turn: Semaphore,
    /// The turn of operators who have letters counted, which may take longer than those wait.
    pub(super) counting: Semaphore,
    /// Cancelled when it is removed, or the node stops.
    pub(super) gone: CancellationToken,
}

/// What tells those that work for a consumer to go on.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// There is room for more events, or other ones are to be read; by source.
    pub(super) reads: [Notify; 2],
    /// An event becomes a dead letter.
    pub(super) dies: Notify,
    /// Its place has changed.
    pub(super) moved: Notify,
    /// An attempt is to be waited for.
    pub(super) waits: Notify,
    /// The policy withholds what is wanted.
    pub(super) withholds: Notify,
}

impl Consumer {
    pub(super) fn new(
        plugin: &str,
        channel: &ChannelName,
        environment: Arc<dyn Environment>,
        reporter: Reporter,
        gone: CancellationToken,
    ) -> Self {
        Self {
            plugin: plugin.into(),
            channel: channel.clone(),
            environment,
            reporter,
            state: Mutex::new(State::new()),
            signals: Signals::default(),
            feeds: watch::Sender::new(0),
            turn: Semaphore::new(1),
            counting: Semaphore::new(1),
            gone,
        }
    }

    /// The plugin.
    #[must_use]
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// The channel.
    #[must_use]
    pub fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// Whether a letter is of an event of this consumer.
    pub(super) fn is_of(&self, letter: &Letter<'_>) -> bool {
        letter.plugin == self.plugin() && letter.channel == self.channel().as_str()
    }

    /// For the workers of a (new) version: which events it wants, and by how many workers
    /// they are taken. What the consumer has in memory, its place and the attempts stay; the
    /// feeds of before are closed.
    pub fn configure(&self, filters: Vec<Filter>, settings: ConsumeSettings, partitions: usize) {
        self.configure_within(filters, Vec::new(), settings, partitions);
    }

    /// The same for listeners that have `asked` for more than the node's policy grants: what
    /// they do not get for that is counted and told as missed.
    pub fn configure_within(
        &self,
        filters: Vec<Filter>,
        asked: Vec<Filter>,
        settings: ConsumeSettings,
        partitions: usize,
    ) {
        let mut state = self.state();
        // What becomes a dead letter of a dead letter there would come back for ever.
        let buries = letter::channel_of(&self.plugin).is_ok_and(|letters| letters != self.channel);
        let settings = ConsumeSettings {
            dead_letters: settings.dead_letters && buries,
            ..settings
        };
        let node = self.reporter.node();
        // What the version before has in hand it finishes, and of what it could not handle
        // there will be a dead letter.
        let unwanted = |entry: &Entry| {
            let event = entry.event.packed();
            let wanted = Filter::any_matches_stored(&filters, event, node);
            !wanted && !matches!(entry.stage, Stage::InHand | Stage::Dying)
        };
        let dropped = state.work.forget(unwanted);
        let cleared: Vec<Told> = dropped.iter().filter_map(let_go).collect();
        let epoch = state.attached.as_ref().map(|attached| attached.place.epoch);
        if let Some(attached) = &mut state.attached {
            for entry in dropped {
                if let Some(lane) = attached.place.lane_mut(entry.source) {
                    lane.done(entry.place);
                }
                let event = entry.event.packed();
                if Filter::any_matches_stored(&asked, event, node) {
                    attached.withhold(event.sequence().unwrap_or(entry.place));
                    self.signals.withholds.notify_one();
                }
            }
        }
        state.filters = filters;
        state.asked = asked;
        state.settings = settings;
        state.generation += 1;
        state.work.divide(partitions);
        drop(state);
        self.signals.dies.notify_one();
        self.signals.moved.notify_one();
        for reads in &self.signals.reads {
            reads.notify_one();
        }
        for told in cleared {
            self.tell(epoch, told);
        }
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> ConsumerStatus {
        let state = self.state();
        let attached = state.attached.as_ref();
        let place = attached.map(|attached| &attached.place);
        let place = place.or(state.left.as_ref());
        let after = place.map_or(0, |place| place.lane.after());
        let bounds = attached.and_then(|attached| attached.channel.bounds());
        ConsumerStatus {
            plugin: self.plugin.to_string(),
            channel: self.channel.clone(),
            epoch: place.map(|place| place.epoch),
            after,
            in_flight: state.work.in_hand(),
            lag: bounds.map_or(0, |bounds| bounds.last.saturating_sub(after)),
            waiting: state.waiting.clone(),
            stalled: self.stalled(&state),
            dead: place.map_or(0, |place| place.dead),
            retried: place.map_or(0, |place| place.retried),
            missed: place.map_or(0, |place| place.missed),
        }
    }

    /// The oldest event on which it hangs.
    fn stalled(&self, state: &State) -> Option<Stalled> {
        let attached = state.attached.as_ref()?;
        let oldest = state
            .work
            .entries()
            .find(|(_, entry)| !entry.void && (entry.failed > 0 && !entry.reason.is_empty()));
        let oldest = oldest.map(|(_, entry)| Stalled {
            sequence: entry.event.sequence().unwrap_or(entry.place),
            attempt: entry.failed,
            reason: match (&attached.unburied, entry.stage) {
                (Some(why), Stage::Dying) => why.clone(),
                _ => entry.reason.to_string(),
            },
            next_attempt: match entry.stage {
                Stage::Delayed(due) => Some(self.millis(due)),
                Stage::Queued | Stage::InHand | Stage::Dying => None,
            },
        });
        oldest.or_else(|| {
            let (sequence, reason) = attached.unreadable.clone()?;
            Some(Stalled {
                sequence,
                attempt: 0,
                reason,
                next_attempt: None,
            })
        })
    }

    /// A point in time as milliseconds since the Unix epoch.
    pub(super) fn millis(&self, at: Instant) -> u64 {
        let left = at.saturating_duration_since(Instant::now()).as_millis();
        let left = u64::try_from(left).unwrap_or(u64::MAX);
        self.environment.now_millis().saturating_add(left)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under it panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes verdicts on events that are in hand.
    pub(super) fn settle(&self, tickets: impl Iterator<Item = Ticket>, verdict: Verdict<'_>) {
        let mut told = Vec::new();
        let (mut dies, mut waits) = (false, false);
        let mut state = self.state();
        let now = Instant::now();
        for ticket in tickets {
            let random = match verdict {
                Verdict::Done => 0,
                Verdict::Again(_) | Verdict::AgainAfter(..) | Verdict::Rejected(_) => {
                    self.environment.random()
                }
            };
            let outcome: Outcome = state.settle(ticket, verdict, now, random);
            dies |= outcome.dies;
            waits |= outcome.waits;
            told.extend(outcome.told);
        }
        self.feed_readers(&mut state);
        let epoch = state.attached.as_ref().map(|attached| attached.place.epoch);
        drop(state);
        if dies {
            self.signals.dies.notify_one();
        }
        if waits {
            self.signals.waits.notify_one();
        }
        self.signals.moved.notify_one();
        for told in told {
            self.tell(epoch, told);
        }
    }

    /// Tells that an event hangs, or hangs no more.
    pub(super) fn tell(&self, epoch: Option<Epoch>, told: Told) {
        let hanging = Hanging {
            epoch,
            sequence: told.number,
            event: told.id,
            attempt: told.attempt,
            reason: told.reason,
            next: told.next.map(|next| self.millis(next)),
        };
        self.reporter.stalled(&self.plugin, &self.channel, hanging);
    }

    /// Has those read on who wait for room, where there is some.
    pub(super) fn feed_readers(&self, state: &mut State) {
        for (source, reads) in [Source::Channel, Source::Letters]
            .into_iter()
            .zip(&self.signals.reads)
        {
            let hungry = |state: &mut State| {
                let attached = state.attached.as_mut()?;
                attached.hungry.get_mut(source as usize).copied()
            };
            if hungry(state) == Some(true) && state.room(source) > 0 {
                if let Some(attached) = &mut state.attached {
                    attached.hungry[source as usize] = false;
                }
                reads.notify_one();
            }
        }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("plugin", &self.plugin)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
