//! What is kept of a channel in memory, and what a session that was away gets of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::history_settings::HistorySettings;
use super::wheel::millis;

/// Bytes of publications that are kept of a channel, whatever its size is set to; the oldest
/// give way.
pub const MAX_HISTORY_BYTES: usize = 16 << 20;

/// Letters of an epoch.
const EPOCH_LETTERS: usize = 8;

/// The publications of a channel, numbered from 1 without holes, of which the latest are
/// kept. It reads no clock: the time is given, in milliseconds since the Unix epoch.
///
/// As in Centrifugo, all of them go when none has followed for the namespace's `history_ttl`,
/// and the position stays. It is forgotten when nobody has published or read for
/// `history_meta_ttl`.
#[derive(Clone, Debug)]
pub struct History<P> {
    epoch: Arc<str>,
    settings: HistorySettings,
    /// Number of the latest publication that there was; 0 if there was none.
    top: u64,
    /// The latest publications, without holes up to `top`, with the bytes of each.
    kept: VecDeque<(usize, Arc<P>)>,
    bytes: usize,
    /// When those that are kept go.
    expires: u64,
    /// When the position goes.
    forgotten: u64,
}

/// Where a session is in a channel: behind the publication of this number, in the history of
/// this epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The number; 0 before the first.
    pub offset: u64,
    /// Which history it is.
    pub epoch: Arc<str>,
}

/// Which publications of a history are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest<'e> {
    /// Those behind this number, in the history of this epoch (any, if that is empty); in
    /// reverse, those before it.
    pub since: Option<(u64, &'e str)>,
    /// How many at most; 0 for the position alone.
    pub limit: usize,
    /// Whether the latest comes first.
    pub reverse: bool,
}

/// A part of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<P> {
    /// The publications, each with its number, in the order that was asked for.
    pub publications: Vec<(u64, Arc<P>)>,
    /// Where the history ends.
    pub top: Position,
}

/// Why there is no such part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The position is one of another history: 112.
    #[error("the position is one of another history of the channel")]
    OtherEpoch,
    /// There is nothing before the first: 107.
    #[error("in reverse there is nothing before the offset 0")]
    BeforeFirst,
}

/// What a session gets that was away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered<P> {
    /// What it has missed, each with its number; nothing if that is not known.
    pub publications: Vec<(u64, Arc<P>)>,
    /// Whether that is all that it has missed.
    pub recovered: bool,
    /// Where the history ends.
    pub top: Position,
}

/// Eight letters that say which history it is, out of 64 random bits.
#[must_use]
pub fn epoch_of(random: u64) -> String {
    const ALPHABET: &[u8; 52] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut left = random;
    let letters = (0..EPOCH_LETTERS).map(|_| {
        let letter = ALPHABET[(left % 52) as usize];
        left /= 52;
        char::from(letter)
    });
    letters.collect()
}

impl<P> History<P> {
    /// An empty history of this epoch, as [`epoch_of`] makes it.
    #[must_use]
    pub fn new(epoch: &str, settings: HistorySettings, now: u64) -> Self {
        Self {
            epoch: epoch.into(),
            settings,
            top: 0,
            kept: VecDeque::new(),
            bytes: 0,
            expires: u64::MAX,
            forgotten: after(now, settings.meta_ttl),
        }
    }

    /// Which history it is.
    #[must_use]
    pub fn epoch(&self) -> &Arc<str> {
        &self.epoch
    }

    /// Where it ends.
    #[must_use]
    pub fn top(&self) -> Position {
        Position {
            offset: self.top,
            epoch: Arc::clone(&self.epoch),
        }
    }

    /// Keeps a publication that takes so many bytes, made with its number.
    pub fn append(&mut self, bytes: usize, now: u64, make: impl FnOnce(u64) -> P) -> Arc<P> {
        let publication = Arc::new(make(self.top + 1));
        self.append_numbered(bytes, now, Arc::clone(&publication));
        publication
    }

    /// Keeps a publication that another node has numbered: that behind the last here.
    pub fn append_numbered(&mut self, bytes: usize, now: u64, publication: Arc<P>) {
        self.expire(now);
        self.top += 1;
        self.kept.push_back((bytes, publication));
        self.bytes = self.bytes.saturating_add(bytes);
        self.drop_oldest();
        self.expires = after(now, self.settings.ttl);
        self.forgotten = after(now, self.settings.meta_ttl);
    }

    /// It goes on behind this number; what was before that is not here.
    pub fn skip_to(&mut self, offset: u64) {
        self.remove();
        self.top = offset;
    }

    /// Drops those up to this number.
    pub fn drop_up_to(&mut self, number: u64) {
        if number >= self.top {
            return self.remove();
        }
        while self.begins_behind() < number
            && let Some((bytes, _)) = self.kept.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }

    /// The number behind which all are kept.
    #[must_use]
    pub fn begins_behind(&self) -> u64 {
        self.top - self.kept.len() as u64
    }

    /// Those that are kept behind a number, each with its bytes: so many bytes of them, but
    /// the first in any case.
    #[must_use]
    pub fn part(&self, behind: u64, most_bytes: usize) -> Vec<(usize, Arc<P>)> {
        let mut left = most_bytes;
        let kept = self.kept.iter().skip(self.kept_up_to(behind));
        let fits = |(at, (bytes, _)): &(usize, &(usize, Arc<P>))| {
            let is_taken = *at == 0 || *bytes <= left;
            left = left.saturating_sub(*bytes);
            is_taken
        };
        let part = kept.enumerate().take_while(fits);
        part.map(|(_, (bytes, publication))| (*bytes, Arc::clone(publication)))
            .collect()
    }

    /// Milliseconds for which those that are kept are kept still.
    #[must_use]
    pub fn lasts(&self, now: u64) -> Option<u64> {
        let expires = self.expires();
        expires.map(|expires| expires.saturating_sub(now))
    }

    /// Those that are kept are kept for so many milliseconds, if not for less.
    pub fn last_for(&mut self, millis: u64, now: u64) {
        if !self.kept.is_empty() {
            self.expires = self.expires.min(now.saturating_add(millis));
        }
    }

    /// The latest publication, if it is kept.
    pub fn latest(&mut self, now: u64) -> Option<&Arc<P>> {
        self.expire(now);
        self.kept.back().map(|(_, publication)| publication)
    }

    /// A part of it.
    ///
    /// # Errors
    /// [`HistoryError`] says what is wrong with what was asked for.
    pub fn page(&mut self, asked: &PageRequest<'_>, now: u64) -> Result<Page<P>, HistoryError> {
        self.read(now);
        if let Some((offset, epoch)) = asked.since {
            if asked.reverse && offset == 0 {
                return Err(HistoryError::BeforeFirst);
            }
            if !self.is_epoch(epoch) {
                return Err(HistoryError::OtherEpoch);
            }
        }
        let offset = asked.since.map(|(offset, _)| offset);
        let publications = if asked.reverse {
            let before = offset.map_or(usize::MAX, |offset| self.kept_up_to(offset - 1));
            let newest_first = self.numbered(0).take(before).rev();
            newest_first.take(asked.limit).collect()
        } else {
            let gone = offset.map_or(0, |offset| self.kept_up_to(offset));
            self.numbered(gone).take(asked.limit).collect()
        };
        Ok(Page {
            publications,
            top: self.top(),
        })
    }

    /// What a session has missed that was at this position (of any history, if the epoch is
    /// empty): at most `limit` publications, or else it is not recovered.
    pub fn recover(&mut self, offset: u64, epoch: &str, limit: usize, now: u64) -> Recovered<P> {
        self.read(now);
        let top = self.top();
        let missed = self.top.checked_sub(offset);
        // All that it has missed has to be kept still.
        let missed = missed
            .and_then(|missed| usize::try_from(missed).ok())
            .filter(|missed| *missed <= self.kept.len() && *missed <= limit)
            .filter(|_| self.is_epoch(epoch));
        match missed {
            Some(missed) => Recovered {
                publications: self.numbered(self.kept.len() - missed).collect(),
                recovered: true,
                top,
            },
            None => Recovered {
                publications: Vec::new(),
                recovered: false,
                top,
            },
        }
    }

    /// What a session gets that was at this position and wants the latest publication alone:
    /// that, unless it has it.
    pub fn recover_latest(&mut self, offset: u64, epoch: &str, now: u64) -> Recovered<P> {
        self.read(now);
        let top = self.top();
        let has_it = offset > 0 && offset == self.top && *epoch == *self.epoch;
        let latest = self.kept.back();
        Recovered {
            recovered: has_it || latest.is_some(),
            publications: latest
                .filter(|_| !has_it)
                .map(|(_, latest)| (self.top, Arc::clone(latest)))
                .into_iter()
                .collect(),
            top,
        }
    }

    /// Drops all publications; the position stays.
    pub fn remove(&mut self) {
        self.kept = VecDeque::new();
        self.bytes = 0;
        self.expires = u64::MAX;
    }

    /// Is read, by whoever has a position in it too.
    pub fn read(&mut self, now: u64) {
        self.expire(now);
        self.forgotten = after(now, self.settings.meta_ttl);
    }

    /// Drops what is kept for longer than it should be.
    pub fn expire(&mut self, now: u64) {
        if self.expires <= now {
            self.remove();
        }
    }

    /// When [`expire`](Self::expire) has something to do, if nothing is published until
    /// then.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        (self.expires < u64::MAX).then_some(self.expires)
    }

    /// When it need not be remembered any more, if nobody publishes or reads until then.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Keeps to other settings from now on.
    pub fn set(&mut self, settings: HistorySettings, now: u64) {
        self.expire(now);
        self.settings = settings;
        self.drop_oldest();
        if !self.kept.is_empty() {
            self.expires = self.expires.min(after(now, settings.ttl));
        }
        self.forgotten = after(now, settings.meta_ttl);
    }

    /// Publications that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Bytes of those that are kept.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn is_epoch(&self, epoch: &str) -> bool {
        epoch.is_empty() || *epoch == *self.epoch
    }

    fn drop_oldest(&mut self) {
        let is_over = |history: &Self| {
            history.kept.len() > history.settings.size.max(1) || history.bytes > MAX_HISTORY_BYTES
        };
        // What was just published is kept, however large it is.
        while self.kept.len() > 1 && is_over(self) {
            if let Some((bytes, _)) = self.kept.pop_front() {
                self.bytes = self.bytes.saturating_sub(bytes);
            }
        }
    }

    /// How many of those that are kept have a number up to this one.
    fn kept_up_to(&self, offset: u64) -> usize {
        let behind = self.top.saturating_sub(offset);
        let behind = usize::try_from(behind).unwrap_or(usize::MAX);
        self.kept.len().saturating_sub(behind)
    }

    /// Those that are kept with their numbers, without so many of the oldest.
    fn numbered(
        &self,
        without: usize,
    ) -> impl DoubleEndedIterator<Item = (u64, Arc<P>)> + ExactSizeIterator + '_ {
        let first = self.top + 1 - self.kept.len() as u64;
        let kept = self.kept.iter().enumerate().skip(without);
        kept.map(move |(at, (_, publication))| (first + at as u64, Arc::clone(publication)))
    }
}

/// The time after that.
fn after(now: u64, time: Duration) -> u64 {
    now.saturating_add(millis(time))
}

#[cfg(test)]
mod tests;
