//! Which start of a node this is: later than every earlier one, even where the clock
//! was set back in between, since of two starts of one name the later one is linked.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use uuid::{Timestamp, Uuid};

use crate::clock::Clock;

/// Where the last one is kept, in the data folder.
const FILE: &str = "incarnation";

/// Nanoseconds of a millisecond, which is what such a number counts in.
const NANOS: u32 = 1_000_000;

/// The number of this start, a UUID of version 7, and keeps it for the next one.
///
/// A folder that cannot be read or written is logged and keeps no node from starting.
pub(crate) fn next(data: &Path, clock: &dyn Clock) -> Uuid {
    let file = data.join(FILE);
    let last = last(&file).unwrap_or_else(|error| {
        tracing::warn!(file = %file.display(), %error, "cannot tell the last start of this node");
        None
    });
    let incarnation = after(last, clock.now_millis());
    if let Err(error) = keep(data, &file, incarnation) {
        tracing::warn!(file = %file.display(), %error, "cannot keep the number of this start");
    }
    incarnation
}

/// A number of the present, or of the millisecond after that of `last`.
fn after(last: Option<Uuid>, now_millis: u64) -> Uuid {
    let least = last
        .and_then(millis_of)
        .map_or(0, |last| last.saturating_add(1));
    let millis = now_millis.max(least);
    let nanos = u32::try_from(millis % 1000).expect("below a thousand") * NANOS;
    Uuid::new_v7(Timestamp::from_unix(uuid::NoContext, millis / 1000, nanos))
}

fn millis_of(incarnation: Uuid) -> Option<u64> {
    let (seconds, nanos) = incarnation.get_timestamp()?.to_unix();
    seconds
        .checked_mul(1000)?
        .checked_add(u64::from(nanos / NANOS))
}

fn last(file: &Path) -> io::Result<Option<Uuid>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Uuid::parse_str(text.trim()).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Written beside and renamed, so that a crash leaves the old number or the new one.
fn keep(data: &Path, file: &Path, incarnation: Uuid) -> io::Result<()> {
    fs::create_dir_all(data)?;
    let mut new = tempfile::NamedTempFile::new_in(data)?;
    writeln!(new, "{incarnation}")?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    struct SetClock(AtomicU64);

    impl Clock for SetClock {
        fn now_millis(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_later_start_has_a_greater_number_whatever_the_clock_says() {
        let data = tempfile::tempdir().unwrap();
        let data = data.path().join("made");
        let clock = SetClock(AtomicU64::new(1_800_000_000_123));
        let first = next(&data, &clock);
        assert_eq!(millis_of(first), Some(1_800_000_000_123));
        clock.0.store(1_000_000_000_000, Ordering::Relaxed);
        let second = next(&data, &clock);
        assert!(second > first);
        let third = next(&data, &clock);
        assert!(third > second);
        clock.0.store(1_900_000_000_000, Ordering::Relaxed);
        assert_eq!(millis_of(next(&data, &clock)), Some(1_900_000_000_000));
    }

    #[test]
    fn what_is_no_number_is_written_over() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join(FILE), "nonsense").unwrap();
        let clock = SetClock(AtomicU64::new(1_800_000_000_000));
        let first = next(data.path(), &clock);
        assert!(next(data.path(), &clock) > first);
    }
}
