//! Connections that go on with another protocol after an HTTP/1.1 request (RFC 9110, section
//! 7.8).
//!
//! A route answers 101 and puts into the answer what is spoken from then on. Whoever reads the
//! connection's requests takes that out, writes the answer's head, and hands over the bytes. What
//! has been upgraded is no HTTP connection any more: it has no place among those, and its route
//! has bounded it before.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::answer_head::answer_head;

/// The bytes of an upgraded connection.
pub(in crate::gateway) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What a conversation is until it has ended, for which an error is the client's end.
pub(in crate::gateway) type Conversation = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// Begins a conversation over the connection's bytes, of which some were read already.
type Speak = Box<dyn FnOnce(Box<dyn Io>, Bytes) -> Conversation + Send>;

/// What is spoken after an answer, as one of its extensions.
#[derive(Clone)]
pub(in crate::gateway) struct Upgrade(Arc<Mutex<Option<Speak>>>);

impl Upgrade {
    /// Goes on with what `speak` returns, which gets the connection's bytes and those of them
    /// that were read already.
    pub(in crate::gateway) fn to<F>(speak: F) -> Self
    where
        F: FnOnce(Box<dyn Io>, Bytes) -> Conversation + Send + 'static,
    {
        Self(Arc::new(Mutex::new(Some(Box::new(speak)))))
    }

    /// Takes it out of an answer.
    pub(super) fn take(answer: &mut Response) -> Option<Upgraded> {
        let upgrade = answer.extensions_mut().remove::<Self>()?;
        let mut speak = upgrade.0.lock().unwrap_or_else(PoisonError::into_inner);
        speak.take().map(Upgraded)
    }
}

/// What is spoken after an answer, taken out of it.
pub(super) struct Upgraded(Speak);

impl Upgraded {
    /// Writes the answer's head and goes on until the conversation ends. `read` are bytes that
    /// came behind the request.
    ///
    /// # Errors
    /// When the client is gone.
    pub(super) async fn go_on<S>(
        self,
        mut stream: S,
        read: Bytes,
        answer: Response,
        now_millis: u64,
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (head, _) = answer.into_parts();
        let head = answer_head(head, now_millis);
        stream.write_all(&head).await?;
        drop(head);
        (self.0)(Box::new(stream), read).await
    }
}
