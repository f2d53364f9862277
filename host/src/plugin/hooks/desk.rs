//! The questions to one plugin, until a worker of it takes them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::exported::Answering;
use super::question::Question;
use crate::session::HOOK_DEADLINE;

/// Questions that wait for a plugin at a time: what one that takes 50 µs answers in a fifth
/// of the time that it has.
const MAX_QUESTIONS: usize = 4_096;

/// Their bytes: as many as a mailbox has.
const MAX_BYTES: usize = 8 << 20;

/// What of [`HOOK_DEADLINE`] is left to a question that an instance begins to answer, at least.
/// One with less is refused: its answer would come too late, or its instance die of a time that
/// it was not given.
const LEFT_TO_ANSWER: Duration = Duration::from_millis(500);

/// Where sessions put their questions to one plugin. Outlives the plugin's versions.
#[derive(Default)]
pub(crate) struct HookDesk {
    waiting: Mutex<Waiting>,
    come: Notify,
}

#[derive(Default)]
struct Waiting {
    /// What the version in force answers; `None` while nobody is there to answer.
    answering: Option<Arc<Answering>>,
    /// Each with when it was put.
    questions: VecDeque<(Question, Instant)>,
    bytes: usize,
}

/// A question that an instance is to answer.
pub(crate) struct Due {
    pub(crate) question: Question,
    /// For how long it is still waited for.
    pub(crate) left: Duration,
}

/// As many questions wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl HookDesk {
    /// From now on questions are taken, by workers of a version that answers these. Whoever
    /// waits for what it does not answer is refused.
    pub(crate) fn open(&self, answering: &Arc<Answering>) {
        let mut waiting = self.waiting();
        waiting.answering = Some(Arc::clone(answering));
        let refused = waiting.take_out(|question| !answering.has_said(question));
        // Whoever is told of it may ask again at once.
        drop(waiting);
        drop(refused);
    }

    /// From now on none are. Whoever waits is refused.
    pub(crate) fn close(&self) {
        let mut waiting = self.waiting();
        waiting.answering = None;
        waiting.bytes = 0;
        let questions = std::mem::take(&mut waiting.questions);
        // Whoever is told of it may ask again at once.
        drop(waiting);
        drop(questions);
    }

    /// What is answered now, if anything is.
    pub(super) fn answering(&self) -> Option<Arc<Answering>> {
        self.waiting().answering.clone()
    }

    /// Puts a question behind the others.
    pub(super) fn put(&self, question: Question) -> Result<(), Full> {
        let bytes = question.bytes();
        let put = Instant::now();
        let mut waiting = self.waiting();
        let answering = waiting.answering.as_ref();
        if !answering.is_some_and(|answering| answering.has_said(&question)) {
            // Closed meanwhile, or another version has come: dropped, it is refused.
            return Ok(());
        }
        if waiting.is_full(bytes) {
            waiting.forget_given_up();
            if waiting.is_full(bytes) {
                return Err(Full);
            }
        }
        waiting.bytes += bytes;
        waiting.questions.push_back((question, put));
        drop(waiting);
        self.come.notify_one();
        Ok(())
    }

    /// The next question that somebody still waits for, and for long enough. Those before it
    /// are refused.
    pub(crate) fn take(&self) -> Option<Due> {
        let now = Instant::now();
        // Dropped when others may ask again.
        let mut refused = Vec::new();
        let mut waiting = self.waiting();
        while let Some((question, put)) = waiting.questions.pop_front() {
            waiting.bytes = waiting.bytes.saturating_sub(question.bytes());
            let left = HOOK_DEADLINE.saturating_sub(now.saturating_duration_since(put));
            if question.is_given_up() || left < LEFT_TO_ANSWER {
                refused.push(question);
                continue;
            }
            let others_wait = !waiting.questions.is_empty();
            drop(waiting);
            if others_wait {
                // For another worker that has nothing to do.
                self.come.notify_one();
            }
            return Some(Due { question, left });
        }
        None
    }

    /// Whether any question waits.
    pub(crate) fn has_any(&self) -> bool {
        !self.waiting().questions.is_empty()
    }

    /// Waits until one does. Dropping the future loses nothing.
    pub(crate) async fn come(&self) {
        while !self.has_any() {
            self.come.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that panics leaves anything half done in it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_full(&self, more: usize) -> bool {
        self.questions.len() >= MAX_QUESTIONS || self.bytes.saturating_add(more) > MAX_BYTES
    }

    /// Makes room of questions for whose answers nobody waits any more.
    fn forget_given_up(&mut self) {
        self.take_out(Question::is_given_up);
    }

    /// Takes out those of which that holds; the others stay in their order.
    fn take_out(&mut self, holds: impl Fn(&Question) -> bool) -> VecDeque<(Question, Instant)> {
        let questions = std::mem::take(&mut self.questions).into_iter();
        let (out, kept): (VecDeque<_>, VecDeque<_>) =
            questions.partition(|(question, _)| holds(question));
        self.questions = kept;
        let kept = self.questions.iter();
        self.bytes = kept.map(|(question, _)| question.bytes()).sum();
        out
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::super::exported::Kind;
    use super::super::question::{About, Asking};
    use super::*;
    use crate::session::{AboutSession, Refused};

    type Waits = oneshot::Receiver<Result<Bytes, Refused>>;

    fn question(method: &str, bytes: usize) -> (Question, Waits) {
        let session = Asking::new(AboutSession {
            client: "c",
            user: "u",
            meta: None,
        });
        let about = About::new(method, &Bytes::from(vec![b'1'; bytes]));
        let (reply, waits) = oneshot::channel();
        (Question::Rpc(session, about, reply), waits)
    }

    fn method(due: Option<Due>) -> Option<String> {
        match due?.question {
            Question::Rpc(_, about, _) => Some(about.name),
            _ => None,
        }
    }

    fn open() -> HookDesk {
        let desk = HookDesk::default();
        desk.open(&Arc::new(Answering::these(&[Kind::Rpc])));
        desk
    }

    #[tokio::test]
    async fn questions_are_taken_in_their_order_by_who_waits_for_them() {
        let desk = open();
        assert!(desk.come().now_or_never().is_none());
        let (first, _first) = question("first", 1);
        let (second, gone) = question("second", 1);
        let (third, _third) = question("third", 1);
        for one in [first, second, third] {
            desk.put(one).unwrap();
        }
        desk.come().await;
        drop(gone);
        assert_eq!(method(desk.take()).as_deref(), Some("first"));
        assert_eq!(method(desk.take()).as_deref(), Some("third"));
        assert!(desk.take().is_none() && !desk.has_any());
    }

    #[tokio::test]
    async fn a_version_is_not_asked_what_only_the_one_before_it_answered() {
        let desk = open();
        let (one, waits) = question("one", 1);
        desk.put(one).unwrap();
        let another = Arc::new(Answering::these(&[Kind::Publish]));
        desk.open(&another);
        assert!(waits.await.is_err());
        // Asked by whoever found the version before.
        let (late, waits) = question("late", 1);
        desk.put(late).unwrap();
        assert!(waits.await.is_err() && !desk.has_any());
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_question_runs_from_when_it_is_put() {
        let desk = open();
        let (early, refused) = question("early", 1);
        desk.put(early).unwrap();
        tokio::time::advance(Duration::from_millis(300)).await;
        let (late, _late) = question("late", 1);
        desk.put(late).unwrap();
        tokio::time::advance(Duration::from_millis(300)).await;
        let due = desk.take().unwrap();
        assert_eq!(due.left, Duration::from_millis(700));
        assert_eq!(method(Some(due)).as_deref(), Some("late"));
        assert!(refused.await.is_err(), "it would have been answered late");
    }

    #[tokio::test]
    async fn who_waits_when_nobody_answers_any_more_is_told() {
        let desk = open();
        let (one, waits) = question("one", 1);
        desk.put(one).unwrap();
        desk.close();
        assert!(waits.await.is_err());
        assert!(desk.answering().is_none());
        let (late, waits) = question("late", 1);
        desk.put(late).unwrap();
        assert!(waits.await.is_err());
    }

    #[test]
    fn questions_are_bounded_and_those_given_up_make_room() {
        let desk = open();
        let mut waiting = Vec::new();
        let mut put = |bytes| {
            let (one, waits) = question("one", bytes);
            let put = desk.put(one);
            waiting.push(waits);
            put
        };
        assert_eq!(put(MAX_BYTES), Err(Full));
        for _ in 0..MAX_QUESTIONS {
            put(1).unwrap();
        }
        assert_eq!(put(1), Err(Full));
        waiting.clear();
        let (one, _waits) = question("one", 1);
        assert_eq!(desk.put(one), Ok(()));
        assert!(desk.take().is_some() && desk.take().is_none());
    }
}
