//! All sessions are cut off at once while somebody publishes, and come back: none may miss a
//! publication, and none may get one twice, which each session looks at with every one.

use hearken_bench_stopwatch::{Error, clock};

use super::crowd::{AT_ONCE, Crowd, DEADLINE, check_time};
use super::deliveries::seconds;
use super::task::{Done, Storm};

impl Crowd {
    /// Has them cut off and come back.
    pub(super) fn storm(&mut self, task: Storm) -> Result<Done, Error> {
        self.begin_anew(false);
        self.tick(task.every)?;
        let began = clock::now();
        while self.deliveries.complete() < task.around {
            self.publish_on_tick(task.around)?;
            check_time(began)?;
        }
        let (began, before) = (clock::now(), self.deliveries.sent());
        let sessions = self.all.len();
        self.ready = 0;
        let lost = std::mem::take(&mut self.all);
        // On its way when the connections break.
        self.publish_one(0)?;
        // All of them, before the first comes back.
        let lost: Vec<_> = lost.into_iter().map(|session| session.cut()).collect();
        let mut lost = lost.into_iter();
        while self.ready < sessions {
            while self.all.len() - self.ready < AT_ONCE
                && let Some(one) = lost.next()
            {
                let back = one?.come_back(&self.server)?;
                self.add(back)?;
            }
            self.publish_on_tick(usize::MAX)?;
            check_time(began)?;
        }
        let taken = clock::now().saturating_sub(began);
        let meanwhile = self.deliveries.sent() - before;
        let last = self.deliveries.sent() + task.around;
        while self.deliveries.complete() < last {
            self.publish_on_tick(last)?;
            check_time(began)?;
        }
        self.ticks = None;
        Ok(Done {
            seconds: seconds(taken),
            messages: meanwhile,
            ..Done::default()
        })
    }

    /// Publishes one for each tick that has passed, up to `last` in all, and waits for what
    /// happens next.
    fn publish_on_tick(&mut self, last: usize) -> Result<(), Error> {
        let ticks = self.ticks.as_mut();
        let passed = ticks.map_or(0, |ticks| std::mem::take(&mut ticks.passed));
        for _ in 0..passed.min(last.saturating_sub(self.deliveries.sent())) {
            self.publish_one(0)?;
        }
        self.turn(DEADLINE)
    }
}
