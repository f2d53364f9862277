//! What is known of the channels that have a history, from those who published and from those
//! who got it: all of them must tell of one order in each epoch.

use std::collections::BTreeMap;

/// Publications that a channel keeps.
pub const KEPT: u64 = 1_000;

/// A place in a history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Epoch of the history.
    pub epoch: String,
    /// Number of the last publication.
    pub offset: u64,
}

/// A publication: the number of its client, and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// The client.
    pub client: usize,
    /// Its how manieth.
    pub number: u64,
}

/// One history, from its epoch's begin.
#[derive(Debug, Default)]
struct History {
    by_offset: BTreeMap<u64, Said>,
    offsets: BTreeMap<Said, u64>,
    /// The last that was acknowledged.
    acknowledged: u64,
}

/// All histories, by channel and epoch.
#[derive(Debug, Default)]
pub struct Histories(BTreeMap<(String, String), History>);

impl Histories {
    /// Somebody was told that this is at this place, or got it there.
    ///
    /// # Errors
    /// When that cannot be.
    pub fn note(
        &mut self,
        channel: &str,
        position: &Position,
        said: Said,
        is_acknowledged: bool,
    ) -> Result<(), String> {
        let Position { epoch, offset } = position;
        let key = (channel.to_owned(), epoch.clone());
        let history = self.0.entry(key).or_default();
        let there = *history.by_offset.entry(*offset).or_insert(said);
        if there != said {
            return Err(format!(
                "{offset} of {epoch} in {channel} is {said:?}, and was {there:?}"
            ));
        }
        let before = *history.offsets.entry(said).or_insert(*offset);
        if before != *offset {
            return Err(format!(
                "{said:?} is at {before} of {epoch} in {channel}, and at {offset} again"
            ));
        }
        if is_acknowledged {
            history.acknowledged = history.acknowledged.max(*offset);
        }
        Ok(())
    }

    /// The last of an epoch that was acknowledged.
    #[must_use]
    pub fn acknowledged(&self, channel: &str, epoch: &str) -> u64 {
        let key = (channel.to_owned(), epoch.to_owned());
        self.0.get(&key).map_or(0, |history| history.acknowledged)
    }

    /// How many epochs there were in all.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.0.len()
    }
}
