//! What was published to a durable channel, for who asks: pages of its log.

use std::sync::Arc;
use std::time::Duration;

use hearken_channel_log::{Bounds, Epoch, ReadError};
use hearken_session_protocol::ClientError;
use hearken_session_protocol::codes::errors;
use tokio::time::{Instant, timeout};

use super::across::Needs;
use super::following::stored;
use super::history::{HistoryError, Page, PageRequest, Position};
use super::log::Log;
use super::name::ChannelName;
use super::namespace::Namespace;
use super::place::Place;
use super::publication::StoredPublication;
use super::refused::Refused;
use super::shared::Shared;
use super::source::Source;
use crate::channel::{Found, ReadAmount, ReadFailure};

/// How long a part of a history may take: a client waits 5 s for what it asked for.
const READ_TIMEOUT: Duration = Duration::from_secs(4);

/// Publications of one answer at most.
const MOST: usize = 1_000;

/// What is read at once where the oldest comes first.
const FORWARD: ReadAmount = ReadAmount {
    events: 64,
    bytes: 1 << 20,
};

/// Events that are read at once where the latest comes first: all of them are in memory, since
/// a log is read the other way.
const BACKWARD: u64 = 8;

/// Reads a log for one answer.
struct Pages<'p> {
    shared: &'p Shared,
    log: &'p Log,
    namespace: &'p Namespace,
    publications: Vec<(u64, Arc<StoredPublication>)>,
    /// Bytes of these.
    bytes: usize,
    /// Most of them, but for the first.
    most: usize,
    most_bytes: usize,
}

impl Shared {
    /// A part of a channel's history, of about so many bytes at most.
    ///
    /// # Errors
    /// Why there is none, or what is wrong with what was asked for.
    pub(super) async fn history_of(
        self: &Arc<Self>,
        name: &ChannelName,
        place: &Place,
        asked: &PageRequest<'_>,
        most_bytes: usize,
    ) -> Result<Page<StoredPublication>, Refused> {
        match &place.source {
            Source::Publishers => {
                let deadline = Instant::now() + READ_TIMEOUT;
                self.settle_place(name, place, Needs::All, deadline).await?;
                self.page(name, &place.namespace, asked)
            }
            Source::Bus(_) => Err(errors::NOT_AVAILABLE.into()),
            Source::Log(log) => {
                let pages = Pages {
                    shared: self,
                    log,
                    namespace: &place.namespace,
                    publications: Vec::new(),
                    bytes: 0,
                    most: asked.limit.min(MOST),
                    most_bytes,
                };
                let read = async {
                    // What is read is in memory until it is answered.
                    let turn = self.answering.acquire().await;
                    let _turn = turn.map_err(|_| errors::INTERNAL)?;
                    pages.read(asked).await
                };
                let page = timeout(READ_TIMEOUT, read).await;
                page.map_err(|_| errors::INTERNAL)?
            }
        }
    }
}

impl Pages<'_> {
    async fn read(mut self, asked: &PageRequest<'_>) -> Result<Page<StoredPublication>, Refused> {
        let bounds = self.log.bounds().ok_or(errors::UNKNOWN_CHANNEL)?;
        let epoch = self.log.epoch();
        if let Some((offset, given)) = asked.since {
            if asked.reverse && offset == 0 {
                return Err(HistoryError::BeforeFirst.into());
            }
            if !is_epoch(epoch, given) {
                return Err(HistoryError::OtherEpoch.into());
            }
        }
        let offset = asked.since.map(|(offset, _)| offset);
        let read = match asked.reverse {
            true => {
                let end = offset.map_or(bounds.last, |offset| bounds.last.min(offset - 1));
                self.backward(bounds, end).await
            }
            false => {
                let after = offset.unwrap_or(0).max(bounds.first.saturating_sub(1));
                self.forward(after, bounds.last).await
            }
        };
        match read {
            // What is before that is answered first.
            Err(ReadFailure::Log(ReadError::Damaged(_))) if !self.publications.is_empty() => {}
            read => read.map_err(|failure| not_read(&failure))?,
        }
        Ok(Page {
            publications: self.publications,
            top: Position {
                offset: bounds.last,
                epoch: epoch.to_string().into(),
            },
        })
    }

    /// Those behind the number `after`, up to that of `last`.
    async fn forward(&mut self, after: u64, last: u64) -> Result<(), ReadFailure> {
        let mut after = after;
        while after < last && !self.is_full() {
            let found = self.page(after, FORWARD).await?;
            if found.next <= after {
                return Ok(());
            }
            for event in &found.events {
                if self.is_full() {
                    return Ok(());
                }
                self.take(stored(event, self.namespace), event.len());
            }
            after = found.next;
        }
        Ok(())
    }

    /// Those up to the number `end`, the latest first.
    async fn backward(&mut self, bounds: Bounds, end: u64) -> Result<(), ReadFailure> {
        let mut end = end;
        while end >= bounds.first && end > 0 && !self.is_full() {
            let begin = end
                .saturating_sub(BACKWARD)
                .max(bounds.first.saturating_sub(1));
            let (mut events, mut lost) = (Vec::new(), None);
            let mut after = begin;
            while after < end {
                let amount = ReadAmount {
                    events: usize::try_from(end - after).unwrap_or(usize::MAX),
                    ..FORWARD
                };
                let found = match self.page(after, amount).await {
                    Err(ReadFailure::Log(ReadError::Damaged(span))) => {
                        // Only what is behind that comes before it.
                        events.clear();
                        after = span.last;
                        lost = Some(span);
                        continue;
                    }
                    found => found?,
                };
                if found.next <= after {
                    break;
                }
                after = found.next;
                events.extend(found.events);
            }
            for event in events.iter().rev() {
                if self.is_full() {
                    return Ok(());
                }
                let publication = stored(event, self.namespace);
                if publication.offset() <= end {
                    self.take(publication, event.len());
                }
            }
            if let Some(span) = lost {
                return Err(ReadError::Damaged(span).into());
            }
            end = begin;
        }
        Ok(())
    }

    async fn page(&self, after: u64, amount: ReadAmount) -> Result<Found, ReadFailure> {
        self.shared.read_log(self.log, after, amount).await
    }

    fn is_full(&self) -> bool {
        self.publications.len() >= self.most
            || !self.publications.is_empty() && self.bytes >= self.most_bytes
    }

    /// Adds one, unless it is too large beside those that are there.
    fn take(&mut self, publication: StoredPublication, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= self.most_bytes || self.publications.is_empty() {
            let number = publication.offset();
            self.publications.push((number, Arc::new(publication)));
        }
    }
}

/// Whether a position is one of this log: any is where the client does not know.
pub(super) fn is_epoch(epoch: Epoch, given: &str) -> bool {
    given.is_empty() || given.parse::<Epoch>().is_ok_and(|given| given == epoch)
}

/// What is told of a log that cannot be read.
fn not_read(failure: &ReadFailure) -> ClientError {
    match failure {
        ReadFailure::Removed => errors::UNKNOWN_CHANNEL,
        ReadFailure::Log(ReadError::Overloaded) => errors::TOO_MANY_REQUESTS,
        ReadFailure::Log(ReadError::Damaged(_)) => ClientError {
            message: format!("{}: {failure}", errors::NOT_AVAILABLE.message).into(),
            ..errors::NOT_AVAILABLE
        },
        ReadFailure::Log(_) | ReadFailure::Beyond { .. } => errors::INTERNAL,
    }
}
