//! Workers: each hands the events of one inbox to one instance, and replaces the
//! instance when it dies.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use hearken_wire::EventRef;
use tokio_util::sync::CancellationToken;

use super::contain::contain;
use super::health::{Doing, Health};
use super::inbox::{Inbox, Verdict};
use super::instance::{Handled, Version};
use super::pace::Pace;
use super::slot::InstanceSlot;
use super::trial::{Trial, Turn};
use crate::admin::PluginState;
use crate::bus::Frame;
use crate::plugin::guest::batch::FailureKind;
use crate::plugin::guest::death::Death;
use crate::plugin::hooks::desk::HookDesk;

/// Deaths in a row after which a plugin gets no more events.
const QUARANTINE_AFTER: u32 = 5;

/// Delay before the first restart; doubles with each death in a row.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Longest delay before a restart.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Works for one version, until that is told to stop.
pub(crate) struct Worker<I> {
    version: Arc<Version>,
    health: Arc<Health>,
    inbox: I,
    /// What sessions ask, if the version answers any of it.
    desk: Option<Arc<HookDesk>>,
    /// Whether events have their turn before the next question.
    events_next: bool,
    stop: CancellationToken,
    /// The node drains: nobody waits for a delay.
    draining: CancellationToken,
    /// While a quarantine is not over.
    trial: Option<Arc<Trial>>,
    /// Meanwhile, for as long as it is for this worker to try an event.
    turn: Option<Turn>,
    slot: InstanceSlot,
    /// Taken from the inbox.
    frame: Arc<Frame>,
    /// How many of the frame's events are settled.
    settled: usize,
    pace: Pace,
    /// Delays before the restarts after this worker's own deaths in a row.
    backoff: ExponentialBackoff,
    /// What its last instance died of, until that was done.
    died: Option<Fatal>,
}

/// What an instance died of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fatal {
    /// A live event, a question of a session, or its start, which comes once: such deaths count
    /// towards a quarantine.
    Once(Doing),
    /// A delivery of a channel. How often that comes is bounded by its attempts, so that it
    /// quarantines nobody, however many such events come one after the other.
    Delivery,
}

impl Fatal {
    /// Whether an instance that has done that cannot be about to die of this.
    fn is_over_with(self, done: Doing) -> bool {
        match self {
            Self::Once(Doing::Starting) => true,
            Self::Once(of) => of == done,
            Self::Delivery => done == Doing::Handling,
        }
    }
}

fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_BACKOFF)
        .with_max_delay(LONGEST_BACKOFF)
        .with_factor(2.0)
        .without_max_times()
        .build()
}

impl<I: Inbox> Worker<I> {
    /// `stop` ends it, with all others of its version; `draining` ends its delays.
    #[expect(clippy::too_many_arguments, reason = "what a worker needs, each once")]
    pub(crate) fn new(
        version: Arc<Version>,
        health: Arc<Health>,
        inbox: I,
        desk: Option<Arc<HookDesk>>,
        stop: CancellationToken,
        draining: CancellationToken,
        trial: Option<Arc<Trial>>,
        slot: InstanceSlot,
    ) -> Self {
        Self {
            version,
            health,
            inbox,
            desk,
            events_next: false,
            stop,
            draining,
            trial,
            turn: None,
            slot,
            frame: Arc::default(),
            settled: 0,
            pace: Pace::new(),
            backoff: backoff(),
            died: None,
        }
    }

    /// Works until the version is told to stop; gives back the slot.
    pub(crate) async fn run(mut self) -> InstanceSlot {
        self.slot.handle.set_caught_up(false);
        // A mistake of this host costs the plugin no more than one of its own.
        while let Err(death) = contain(self.work()).await {
            self.mishandled(&death);
        }
        self.inbox.put_back(&self.frame, self.settled);
        self.slot
    }

    /// Works until it is told to stop.
    async fn work(&mut self) -> Result<(), Death> {
        while !self.stop.is_cancelled() {
            if self.slot.instance.is_none() {
                self.restart().await;
            } else if self.is_asked() {
                self.answer().await;
            } else if (self.settled < self.frame.len() || self.next_events().await)
                && self.may_handle().await
            {
                self.handle().await;
            }
        }
        Ok(())
    }

    /// Whether a session asks something whose turn it is.
    fn is_asked(&mut self) -> bool {
        let events_next = std::mem::take(&mut self.events_next);
        let in_hand = self.settled < self.frame.len();
        let asked = self.desk.as_ref().is_some_and(|desk| desk.has_any());
        // By turns, so that neither waits for more than one call of the other.
        asked && !(events_next && (in_hand || self.take_what_waits()))
    }

    /// Has the instance answer the next question.
    async fn answer(&mut self) {
        self.events_next = true;
        if !self.may_handle().await {
            return;
        }
        let due = self.desk.as_ref().and_then(|desk| desk.take());
        let (Some(due), Some(instance)) = (due, &mut self.slot.instance) else {
            return;
        };
        match instance.answer(due).await {
            Ok(true) => self.succeeded(Doing::Answering),
            // Whether it can is still unknown: then it is another's turn to show that.
            Ok(false) => self.turn = None,
            Err(death) => self.instance_died(None, Fatal::Once(Doing::Answering), &death),
        }
    }

    /// Counts the event that was in hand when this worker, not its guest, failed.
    fn mishandled(&mut self, death: &Death) {
        let plugin = self.health.plugin();
        tracing::error!(plugin, "the event in hand is lost: {}", death.reason);
        self.slot.instance = None;
        let mut fatal = Fatal::Once(Doing::Handling);
        if self.settled < self.frame.len() {
            fatal = self.fatal(self.settled);
            self.settle(self.settled + 1, Verdict::Rejected(&death.reason));
        }
        self.died = Some(fatal);
        match fatal {
            Fatal::Delivery => self.turn = None,
            Fatal::Once(_) if self.trial.is_some() => {
                self.health.quarantine(QUARANTINE_AFTER, &death.reason);
                self.stop.cancel();
            }
            Fatal::Once(_) => {}
        }
    }

    /// What the death of an instance on this event of the frame is one of.
    fn fatal(&self, at: usize) -> Fatal {
        match self.inbox.attempt(&self.frame, at) {
            Some(_) => Fatal::Delivery,
            None => Fatal::Once(Doing::Handling),
        }
    }

    /// Waits, if another worker has the event on trial, until that was handled, or decides
    /// nothing; returns whether it was before it was told to stop.
    async fn may_handle(&mut self) -> bool {
        let Some(trial) = self.trial.clone() else {
            return true;
        };
        if self.turn.is_none() {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return false,
                turn = trial.turn() => match turn {
                    Some(turn) => self.turn = Some(turn),
                    None => self.trial = None,
                },
            }
        }
        true
    }

    /// Takes the next events, if any wait; returns whether there are any.
    fn take_what_waits(&mut self) -> bool {
        self.settled = 0;
        // Between calls nobody else has it, and so its memory is used again.
        let frame = Arc::make_mut(&mut self.frame);
        // A closed inbox has nothing more to give: then the end is near.
        let _ = self.inbox.try_take(self.pace.events(), frame);
        !frame.is_empty()
    }

    /// Takes the next events; returns whether there are any before it is told to stop, or
    /// asked something.
    async fn next_events(&mut self) -> bool {
        if self.take_what_waits() {
            return true;
        }
        let frame = Arc::make_mut(&mut self.frame);
        let desk = self.desk.as_deref();
        let asked = async {
            match desk {
                Some(desk) => desk.come().await,
                None => std::future::pending().await,
            }
        };
        self.slot.handle.set_caught_up(true);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            () = asked => {}
            Ok(()) = self.inbox.take(self.pace.events(), frame) => {}
        }
        self.slot.handle.set_caught_up(false);
        !frame.is_empty()
    }

    /// Hands over as much of what was taken as the instance takes in one call, and says
    /// what became of it.
    async fn handle(&mut self) {
        let Some(instance) = &mut self.slot.instance else {
            return;
        };
        let begin = self.settled;
        let (end, attempt) = if instance.takes_frames() {
            (self.frame.len(), None)
        } else {
            (begin + 1, self.inbox.attempt(&self.frame, begin))
        };
        let Handled {
            finished,
            failures,
            death,
            spent,
        } = instance
            .handle(&self.frame, begin..end, attempt, self.inbox.deliveries())
            .await;
        self.pace.learn(finished, spent);
        let mut failed = Vec::with_capacity(failures.len());
        for failure in failures {
            let at = begin + failure.index;
            let death = Death::told(failure.reason).traced(self.version.script());
            let death = self.health.redacted(&death);
            self.health.report_failure(self.frame.event(at), &death);
            failed.push((at, failure.kind, death.reason));
        }
        if finished > 0 {
            self.succeeded(Doing::Handling);
        }
        for (at, kind, reason) in &failed {
            self.settle(*at, Verdict::Done);
            let verdict = match kind {
                FailureKind::Again => Verdict::Again(reason),
                FailureKind::AgainAfter(least) => Verdict::AgainAfter(reason, *least),
                FailureKind::Reject => Verdict::Rejected(reason),
            };
            self.settle(at + 1, verdict);
        }
        self.settle(begin + finished, Verdict::Done);
        if let Some(death) = death {
            // What the instance did not come to is the next one's.
            let at = self.settled;
            let fatal = self.fatal(at);
            self.settle(at + 1, Verdict::Again(&death.reason));
            let frame = Arc::clone(&self.frame);
            self.instance_died(frame.event(at), fatal, &death);
        }
    }

    /// Says what became of the events up to `end` that are not settled yet.
    fn settle(&mut self, end: usize, verdict: Verdict<'_>) {
        if self.settled < end {
            self.inbox.settle(&self.frame, self.settled..end, verdict);
            self.settled = end;
        }
    }

    /// The instance has done that: whatever was wrong with it is over.
    fn succeeded(&mut self, of: Doing) {
        if self.died.is_some_and(|fatal| fatal.is_over_with(of)) {
            self.died = None;
            self.backoff = backoff();
        }
        if self.health.is_failing() && !self.stop.is_cancelled() && !self.health.recovered(of) {
            // Of what else it died of this decides nothing.
            self.turn = None;
            return;
        }
        if let Some(trial) = self.trial.take() {
            self.turn = None;
            trial.pass();
        }
    }

    /// Throws the instance away; quarantines the plugin if it was one too many of the deaths
    /// that count. One for which storage is to blame does not.
    fn instance_died(&mut self, event: Option<EventRef<'_>>, fatal: Fatal, death: &Death) {
        let fatal = match death.blameless {
            true => Fatal::Delivery,
            false => fatal,
        };
        self.slot.instance = None;
        self.died = Some(fatal);
        self.pace = Pace::new();
        self.health.report_failure(event, death);
        let Fatal::Once(of) = fatal else {
            self.turn = None;
            return;
        };
        let deaths = self.health.died(of);
        let too_many = deaths >= QUARANTINE_AFTER || self.trial.is_some();
        if too_many && !self.stop.is_cancelled() {
            self.health.quarantine(deaths, &death.reason);
            self.stop.cancel();
        }
    }

    async fn restart(&mut self) {
        if let Some(fatal) = self.died {
            self.health.set_working_state(PluginState::BackingOff);
            let delay = match fatal {
                Fatal::Once(_) => self.backoff.next().unwrap_or(LONGEST_BACKOFF),
                // Others do not wait for ever more: the consumer spaces its attempts.
                Fatal::Delivery => FIRST_BACKOFF,
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                // Whoever dies again is in quarantine soon enough.
                () = self.draining.cancelled() => {}
                () = tokio::time::sleep(delay) => {}
            }
        }
        // What it takes to start is given back when that is done.
        let fresh = Box::pin(self.version.instantiate(Arc::clone(&self.slot.handle)));
        match contain(fresh).await {
            Ok((instance, _)) => {
                self.slot.instance = Some(instance);
                self.health.restarted();
            }
            Err(death) => self.instance_died(None, Fatal::Once(Doing::Starting), &death),
        }
    }
}
