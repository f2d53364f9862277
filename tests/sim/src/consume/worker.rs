//! A worker of the plugin: takes events and handles them, or not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearken::bus::Frame;
use hearken::consumer::{ConsumeSettings, Feed, Verdict};
use hearken_channel_model::Random;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;

/// How events are handled: each of so many of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Habits {
    pub(super) fails: u64,
    pub(super) rejects: u64,
    pub(super) is_slow: u64,
    /// Is gone with what it has in hand.
    pub(super) is_gone: u64,
}

/// A worker of a version.
pub(super) struct Worker {
    pub(super) feed: Feed,
    pub(super) settings: ConsumeSettings,
    pub(super) habits: Habits,
    pub(super) random: Random,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    /// When the life began.
    pub(super) begun: Instant,
    /// Ends it when it is done with the event in hand.
    pub(super) stop: CancellationToken,
}

/// An event of a frame.
struct Taken {
    number: u64,
    subject: String,
    attempt: u32,
}

impl Worker {
    /// Works until it is told to stop, or is gone.
    pub(super) async fn work(mut self) {
        let mut frame = Frame::default();
        loop {
            let most = 1 + usize::try_from(self.random.below(8)).unwrap_or(0);
            let taken = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                taken = self.feed.take(most, &mut frame) => taken,
            };
            if taken.is_err() {
                return;
            }
            let events: Vec<Taken> = (0..frame.len()).map(|at| self.taken(&frame, at)).collect();
            for event in &events {
                self.note(|it| it.taken(event.number, &event.subject, event.attempt));
            }
            for (at, event) in events.iter().enumerate() {
                if self.random.chance(self.habits.is_slow) {
                    sleep(Duration::from_millis(self.random.below(700))).await;
                }
                let is_gone = self.random.chance(self.habits.is_gone);
                if is_gone || self.stop.is_cancelled() {
                    for event in &events[at..] {
                        self.note(|it| it.left(&event.subject));
                    }
                    if is_gone {
                        // The feed puts it back.
                        self.note(|it| it.counts.dropped += 1);
                    } else {
                        self.feed.put_back(&frame, at);
                    }
                    return;
                }
                self.handle(&frame, at, event);
            }
        }
    }

    fn handle(&mut self, frame: &Frame, at: usize, event: &Taken) {
        let (number, subject) = (event.number, &*event.subject);
        let rejects = self.random.chance(self.habits.rejects);
        let fails = self.random.chance(self.habits.fails);
        let verdict = match (rejects, fails) {
            (true, _) => Verdict::Rejected("it is not wanted"),
            (_, true) => Verdict::Again("no luck"),
            _ => Verdict::Done,
        };
        if verdict == Verdict::Done {
            let now = self.begun.elapsed();
            self.note(|it| it.done(number, subject, now));
        } else {
            let is_over = rejects || event.attempt >= self.settings.attempts;
            let is_last = is_over && self.settings.dead_letters;
            self.note(|it| it.failed(number, subject, is_last));
        }
        self.feed.settle(frame, at..at + 1, verdict);
    }

    fn taken(&self, frame: &Frame, at: usize) -> Taken {
        let event = frame.event(at);
        let subject = event.and_then(|event| event.subject()).unwrap_or_default();
        Taken {
            number: event.and_then(|event| event.sequence()).unwrap_or_default(),
            subject: subject.to_owned(),
            attempt: self.feed.attempt(frame, at),
        }
    }

    fn note(&self, what: impl FnOnce(&mut Ledger)) {
        what(&mut self.ledger.lock().expect("nobody panics while noting"));
    }
}
