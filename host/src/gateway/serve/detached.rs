//! Answers that last as long as a session: they have no place among HTTP connections, and
//! whose they are bounds them.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;

/// Ends when the rest of an answer is waited for no more.
pub(super) type Over = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Says of an answer, as one of its extensions, that it lasts as long as a session.
#[derive(Clone)]
pub(in crate::gateway) struct Detached(Arc<Mutex<Option<Over>>>);

impl Detached {
    /// Of an answer whose connection is closed at the end of `over`, whatever is still to be
    /// written. It is polled by the task that polls the answer's body.
    pub(in crate::gateway) fn until(over: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::pin(over)))))
    }

    /// Takes it out of an answer.
    pub(super) fn take(answer: &mut Response) -> Option<Over> {
        let detached = answer.extensions_mut().remove::<Self>()?;
        let mut over = detached.0.lock().unwrap_or_else(PoisonError::into_inner);
        over.take()
    }
}
