//! Commands that come apart from the session that they are for, by its secret.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use tokio::sync::oneshot;

/// Messages that may wait for a session: a client that sends each command by itself, as many
/// at a time as browsers let it over HTTP/2, with room.
const MAX_WAITING: usize = 256;

/// Bytes that they may have together: some of the largest.
const MAX_WAITING_BYTES: usize = 1 << 20;

/// What waits for a session, and wakes it.
#[derive(Default)]
pub(super) struct Inbox {
    waker: AtomicWaker,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<Message>,
    bytes: usize,
    /// Whether more came than may wait.
    is_over: bool,
}

/// Commands of one request, as they came.
pub(super) struct Message {
    pub(super) data: Bytes,
    /// Dropped once they are carried out.
    pub(super) done: oneshot::Sender<()>,
}

/// What a session finds in its inbox.
pub(super) enum Next {
    Message(Message),
    Nothing,
    /// More came than may wait.
    TooMany,
}

/// The inboxes of the sessions of this node that have a secret.
#[derive(Default)]
pub(in crate::gateway) struct Inboxes(Mutex<HashMap<Arc<str>, Arc<Inbox>>>);

/// An inbox is found by its secret for as long as this is there.
pub(super) struct Listed {
    secret: Arc<str>,
    inboxes: Arc<Inboxes>,
}

impl Inbox {
    /// Has this waker woken when something comes.
    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Wakes the session.
    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    /// Takes what came first.
    pub(super) fn next(&self) -> Next {
        let mut waiting = self.lock();
        if waiting.is_over {
            return Next::TooMany;
        }
        match waiting.messages.pop_front() {
            Some(message) => {
                waiting.bytes -= message.data.len();
                Next::Message(message)
            }
            None => Next::Nothing,
        }
    }

    /// Puts a message behind the others. What is returned ends when it is carried out, or
    /// will not be.
    fn put(&self, data: Bytes) -> oneshot::Receiver<()> {
        let (done, is_done) = oneshot::channel();
        let message = Message { data, done };
        let mut waiting = self.lock();
        let dropped = waiting.put(message);
        drop(waiting);
        // Not under the lock: it wakes those who wait for them.
        drop(dropped);
        self.wake();
        is_done
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here panics half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Puts a message behind the others; what is not kept is given back.
    fn put(&mut self, message: Message) -> VecDeque<Message> {
        if self.is_over {
            return VecDeque::from([message]);
        }
        let bytes = self.bytes.saturating_add(message.data.len());
        if self.messages.len() >= MAX_WAITING || bytes > MAX_WAITING_BYTES {
            self.is_over = true;
            self.bytes = 0;
            return std::mem::take(&mut self.messages);
        }
        self.bytes = bytes;
        self.messages.push_back(message);
        VecDeque::new()
    }
}

impl Inboxes {
    /// Has an inbox found by a session's secret.
    pub(super) fn list(self: &Arc<Self>, secret: &str, inbox: &Arc<Inbox>) -> Listed {
        let secret: Arc<str> = secret.into();
        self.lock().insert(Arc::clone(&secret), Arc::clone(inbox));
        Listed {
            secret,
            inboxes: Arc::clone(self),
        }
    }

    /// Hands commands to the session with this secret, if there is one, and waits until they
    /// are carried out or it has ended.
    pub(super) async fn hand(&self, secret: &str, data: Bytes) {
        let inbox = self.lock().get(secret).map(Arc::clone);
        if let Some(inbox) = inbox {
            let is_done = inbox.put(data);
            drop(inbox);
            // Ends in an error when the session does, which its client sees for itself.
            let _ = is_done.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Inbox>>> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        // What waits in it is dropped after the lock is given back.
        let _inbox = self.inboxes.lock().remove(&self.secret);
    }
}

impl fmt::Debug for Inboxes {
    /// The secrets are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inboxes").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn taken(inbox: &Inbox) -> Option<Bytes> {
        match inbox.next() {
            Next::Message(message) => Some(message.data),
            Next::Nothing | Next::TooMany => None,
        }
    }

    #[tokio::test]
    async fn commands_reach_the_session_with_the_secret_in_their_order() {
        let inboxes = Arc::new(Inboxes::default());
        let inbox = Arc::new(Inbox::default());
        let listed = inboxes.list("s", &inbox);
        inboxes.hand("t", Bytes::from_static(b"0")).await;
        let mut first = Box::pin(inboxes.hand("s", Bytes::from_static(b"1")));
        let mut second = Box::pin(inboxes.hand("s", Bytes::from_static(b"2")));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        let Next::Message(message) = inbox.next() else {
            panic!("something came");
        };
        assert_eq!(message.data, "1");
        assert!(first.as_mut().now_or_never().is_none(), "it is under way");
        drop(message);
        first.await;
        assert_eq!(taken(&inbox), Some(Bytes::from_static(b"2")));
        second.await;
        assert_eq!(taken(&inbox), None);
        drop(listed);
        inboxes.hand("s", Bytes::from_static(b"3")).await;
        assert_eq!(taken(&inbox), None);
    }

    #[tokio::test]
    async fn who_sends_more_than_may_wait_is_seen() {
        for (count, bytes) in [(MAX_WAITING, 1), (2, MAX_WAITING_BYTES / 2)] {
            let inbox = Inbox::default();
            let put = || inbox.put(Bytes::from(vec![b' '; bytes]));
            let waiting: Vec<_> = (0..count).map(|_| put()).collect();
            let _one_more = put();
            assert!(matches!(inbox.next(), Next::TooMany));
            for is_done in waiting {
                is_done.await.unwrap_err();
            }
            // Nor is anything kept that comes later.
            put().await.unwrap_err();
            assert!(inbox.lock().messages.is_empty());
        }
    }
}
