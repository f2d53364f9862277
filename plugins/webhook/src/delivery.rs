//! When to try again: after a refused or broken connection, a 429 and any 5xx,
//! for a bounded number of attempts with growing pauses.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::request::Request;

/// Pause before the second attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Who answers; HTTP in the component, a script in tests.
pub trait Endpoint {
    /// Posts once and returns the status.
    ///
    /// # Errors
    /// [`PostError`] says why there was no answer.
    fn post(&mut self, request: &Request) -> Result<u16, PostError>;

    /// Lets time pass before the next attempt.
    fn pause(&mut self, pause: Duration);
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The host or the address does not allow it, so another attempt is in vain.
    #[error("{0}")]
    Refused(String),
    /// The connection failed or broke.
    #[error("{0}")]
    Connection(String),
}

/// Why an event was not delivered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The endpoint does not want this event.
    #[error("{url} answered with status {status}")]
    Rejected {
        /// Where it was posted.
        url: String,
        /// What it answered.
        status: u16,
    },
    /// The request could not be made.
    #[error("cannot post to {url}: {reason}")]
    Refused {
        /// Where it was to be posted.
        url: String,
        /// What stood against it.
        reason: String,
    },
    /// Every attempt failed.
    #[error("{url} failed {attempts} times, at last with: {reason}")]
    GaveUp {
        /// Where it was posted.
        url: String,
        /// How often.
        attempts: usize,
        /// How the last one failed.
        reason: String,
    },
}

/// The pauses between the attempts.
pub struct Retries(ExponentialBackoff);

impl Retries {
    /// At most `times` attempts after the first.
    pub fn new(times: usize) -> Self {
        Self(
            ExponentialBuilder::new()
                .with_min_delay(FIRST_PAUSE)
                .with_max_delay(LONGEST_PAUSE)
                .with_max_times(times)
                .build(),
        )
    }
}

/// Posts until the endpoint takes the event or another attempt is in vain.
///
/// # Errors
/// [`DeliveryError`] says how the last attempt ended.
pub fn deliver(
    endpoint: &mut impl Endpoint,
    request: &Request,
    retries: Retries,
) -> Result<(), DeliveryError> {
    let url = || request.url.clone();
    let mut pauses = retries.0;
    let mut attempts = 1;
    loop {
        let reason = match endpoint.post(request) {
            Ok(200..=299) => return Ok(()),
            Ok(status @ (429 | 500..=599)) => format!("status {status}"),
            Ok(status) => return Err(DeliveryError::Rejected { url: url(), status }),
            Err(PostError::Refused(reason)) => {
                return Err(DeliveryError::Refused { url: url(), reason });
            }
            Err(PostError::Connection(reason)) => reason,
        };
        let Some(pause) = pauses.next() else {
            return Err(DeliveryError::GaveUp {
                url: url(),
                attempts,
                reason,
            });
        };
        endpoint.pause(pause);
        attempts += 1;
    }
}

#[cfg(test)]
mod tests {
    use hearken_sdk::testing;

    use super::*;

    /// Answers in turn; the attempts must not outnumber the answers.
    struct Script {
        answers: Vec<Result<u16, PostError>>,
        pauses: Vec<u128>,
    }

    impl Endpoint for Script {
        fn post(&mut self, _: &Request) -> Result<u16, PostError> {
            self.answers.remove(0)
        }

        fn pause(&mut self, pause: Duration) {
            self.pauses.push(pause.as_millis());
        }
    }

    /// Delivers with three retries; returns also the pauses and the answers left.
    fn run(answers: &[Result<u16, PostError>]) -> (Result<(), DeliveryError>, Vec<u128>, usize) {
        let mut script = Script {
            answers: answers.to_vec(),
            pauses: Vec::new(),
        };
        let event = testing::event("custom.webhook.test").build();
        let request = Request::new("http://localhost/".to_owned(), &event);
        let result = deliver(&mut script, &request, Retries::new(3));
        (result, script.pauses, script.answers.len())
    }

    #[test]
    fn passing_failures_are_tried_again_with_growing_pauses() {
        let broken = Err(PostError::Connection("refused".to_owned()));
        let (result, pauses, left) = run(&[Ok(503), Ok(429), broken, Ok(204)]);
        assert_eq!(result, Ok(()));
        assert_eq!(pauses, [200, 400, 800]);
        assert_eq!(left, 0);
    }

    #[test]
    fn attempts_are_bounded() {
        let (result, pauses, left) = run(&[Ok(500), Ok(500), Ok(500), Ok(502), Ok(200)]);
        let error = result.unwrap_err();
        assert!(matches!(error, DeliveryError::GaveUp { attempts: 4, .. }));
        assert!(error.to_string().contains("status 502"), "{error}");
        assert_eq!((pauses.len(), left), (3, 1));
    }

    #[test]
    fn lasting_failures_are_not_tried_again() {
        for status in [301, 400, 404] {
            let (result, _, left) = run(&[Ok(status), Ok(200)]);
            assert!(matches!(result, Err(DeliveryError::Rejected { .. })));
            assert_eq!(left, 1);
        }
        let refused = Err(PostError::Refused("denied".to_owned()));
        let (result, _, left) = run(&[refused, Ok(200)]);
        assert!(matches!(result, Err(DeliveryError::Refused { .. })));
        assert_eq!(left, 1);
    }
}
