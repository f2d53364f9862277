//! The time by which events and keys grow old.
//!
//! What is too old is gone for good, so a clock that is wrong for a moment must not say so: a
//! jump forward is believed only when the clock still says the same some time later.

use std::sync::Mutex;

use crate::Environment;

/// Milliseconds that a clock may be put forward at once.
const SLACK: u64 = 60_000;

/// Milliseconds after which a jump is believed: longer than a machine takes to ask others
/// for the time.
const HOLD: u64 = 10 * 60_000;

/// The time by which events and keys grow old.
#[derive(Debug)]
pub(crate) struct Ageing(Mutex<Known>);

/// A time of day, in milliseconds, and when that was.
#[derive(Clone, Copy, Debug)]
struct At {
    time: u64,
    monotonic: u64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// The last that was believed,
    last: At,
    /// and the first of another, since when the clock has been ahead of it.
    jump: Option<At>,
}

impl At {
    fn now(environment: &dyn Environment) -> Self {
        Self {
            time: environment.now_millis(),
            monotonic: environment.monotonic_millis(),
        }
    }

    /// What it would be at `monotonic`.
    fn later(self, monotonic: u64) -> u64 {
        let passed = monotonic.saturating_sub(self.monotonic);
        self.time.saturating_add(passed)
    }
}

impl Ageing {
    /// Believes what the clock says now.
    pub(crate) fn new(environment: &dyn Environment) -> Self {
        Self(Mutex::new(Known {
            last: At::now(environment),
            jump: None,
        }))
    }

    /// Milliseconds since the Unix epoch. Behind the clock while that has jumped forward.
    pub(crate) fn now(&self, environment: &dyn Environment) -> u64 {
        let at = At::now(environment);
        let known = self.0.lock();
        let mut known = known.expect("nobody panics while looking at the clock");
        let expected = known.last.later(at.monotonic);
        if at.time <= expected.saturating_add(SLACK) {
            *known = Known {
                last: at,
                jump: None,
            };
            return at.time;
        }
        let same = known
            .jump
            .filter(|jump| jump.later(at.monotonic).abs_diff(at.time) <= SLACK);
        match same {
            Some(jump) if at.monotonic.saturating_sub(jump.monotonic) >= HOLD => {
                *known = Known {
                    last: at,
                    jump: None,
                };
                at.time
            }
            Some(_) => expected,
            None => {
                known.jump = Some(at);
                expected
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::conformance::ManualEnvironment;

    const YEAR: Duration = Duration::from_hours(24 * 365);

    #[test]
    fn a_clock_that_is_wrong_for_a_moment_makes_nothing_old() {
        let environment = ManualEnvironment::default();
        let ageing = Ageing::new(&environment);
        let start = ageing.now(&environment);
        environment.set_forward(YEAR);
        assert_eq!(ageing.now(&environment), start);
        environment.advance(Duration::from_secs(1));
        assert_eq!(ageing.now(&environment), start + 1000);
        environment.set_back(YEAR);
        assert_eq!(ageing.now(&environment), start + 1000);
        environment.advance(Duration::from_hours(100));
        assert_eq!(ageing.now(&environment), environment.now_millis());
    }

    #[test]
    fn a_clock_that_stays_ahead_is_right() {
        let environment = ManualEnvironment::default();
        let ageing = Ageing::new(&environment);
        let start = ageing.now(&environment);
        environment.set_forward(YEAR);
        for minute in 0..10 {
            assert_eq!(ageing.now(&environment), start + minute * 60_000);
            environment.advance(Duration::from_mins(1));
        }
        assert_eq!(ageing.now(&environment), environment.now_millis());
        environment.set_back(YEAR);
        assert_eq!(ageing.now(&environment), environment.now_millis());
    }
}
