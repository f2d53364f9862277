//! Why an event was not handled, and whether another attempt at it is worth it.

use std::any::Any;
use std::error::Error;
use std::fmt::Display;

/// Says of an event that no attempt will ever handle it.
///
/// What a [`listener`](crate::listener) returns as an error is tried again if the event
/// came from a channel, after 1 s, 2 s, 4 s and so on, while later events of its subject
/// wait. An event that will fail each time is better rejected: it goes to the channel of
/// dead letters at once, and the others go on.
///
/// It counts as the listener's error itself, in a `Box<dyn Error>`, and there also as the
/// source of another error:
///
/// ```
/// use hearken_sdk::{Event, OrReject, Reject};
///
/// #[hearken_sdk::listener("custom.order.*", channel = "orders")]
/// fn ship(event: &Event) -> Result<(), Box<dyn std::error::Error>> {
///     let Some(order) = event.subject() else {
///         return Err(Reject::new("it names no order").into());
///     };
///     let number = order.trim_start_matches("order-").parse::<u32>().or_reject()?;
///     println!("shipping {number}");
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Reject {
    reason: String,
}

impl Reject {
    /// Rejects the event for this reason, which stands with the dead letter.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// Makes a [`Reject`] of an error.
pub trait OrReject<T> {
    /// The value, or the error as a reason to reject the event.
    ///
    /// # Errors
    /// [`Reject`] in the place of any error.
    fn or_reject(self) -> Result<T, Reject>;
}

impl<T, E: Display> OrReject<T> for Result<T, E> {
    fn or_reject(self) -> Result<T, Reject> {
        self.map_err(|error| Reject::new(error.to_string()))
    }
}

/// Why a listener has not handled an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the listener says.
    pub reason: String,
    /// Whether another attempt would be in vain.
    pub rejected: bool,
}

impl Failure {
    /// What a listener's error is.
    pub(crate) fn of<E: Display + 'static>(error: &E) -> Self {
        Self {
            reason: error.to_string(),
            rejected: is_reject(error),
        }
    }

    /// What several failures of one event are together, of which there is at least one: it
    /// is rejected if nobody would try it again.
    pub(crate) fn all(failures: &[(&str, Self)]) -> Self {
        let reasons: Vec<String> = failures
            .iter()
            .map(|(listener, failure)| format!("{listener}: {}", failure.reason))
            .collect();
        Self {
            reason: reasons.join("; "),
            rejected: failures.iter().all(|(_, failure)| failure.rejected),
        }
    }
}

fn is_reject(error: &dyn Any) -> bool {
    let boxed = error.downcast_ref::<Box<dyn Error>>();
    let sendable = error.downcast_ref::<Box<dyn Error + Send>>();
    let shared = error.downcast_ref::<Box<dyn Error + Send + Sync>>();
    error.is::<Reject>()
        || boxed.is_some_and(|error| has_reject(&**error))
        || sendable.is_some_and(|error| has_reject(&**error))
        || shared.is_some_and(|error| has_reject(&**error))
}

/// Whether the error is a [`Reject`], or came of one.
fn has_reject(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source()).any(|error| error.is::<Reject>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no stock")]
    struct Caused(#[source] Reject);

    fn rejects<E: Display + 'static>(error: &E) -> bool {
        Failure::of(error).rejected
    }

    #[test]
    fn a_reject_is_found_where_authors_put_it() {
        let reject = || Reject::new("never");
        assert!(rejects(&reject()));
        assert!(rejects(&Box::<dyn Error>::from(reject())));
        assert!(rejects(&Box::<dyn Error + Send + Sync>::from(reject())));
        assert!(rejects(&Box::<dyn Error>::from(Caused(reject()))));
        assert!(!rejects(&"never"));
        assert!(!rejects(&Box::<dyn Error>::from("never")));
        assert_eq!(Failure::of(&reject()).reason, "never");
    }

    #[test]
    fn any_error_becomes_a_reject() {
        let parsed: Result<u8, Reject> = "x".parse::<u8>().or_reject();
        assert_eq!(parsed, Err(Reject::new("invalid digit found in string")));
        assert_eq!(Ok::<u8, &str>(7).or_reject(), Ok(7));
    }

    #[test]
    fn an_event_is_rejected_if_all_who_failed_reject_it() {
        let failure = |rejected| Failure {
            reason: "x".to_owned(),
            rejected,
        };
        let both = Failure::all(&[("a", failure(true)), ("b", failure(false))]);
        assert_eq!((both.reason.as_str(), both.rejected), ("a: x; b: x", false));
        assert!(Failure::all(&[("a", failure(true))]).rejected);
    }
}
