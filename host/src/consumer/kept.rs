//! Where a consumer is, as it lies beside the channel's log.

use std::collections::BTreeMap;

use bytes::Bytes;
use hearken_channel_log::Epoch;
use serde::{Deserialize, Serialize};

use super::lane::Lane;
use super::place::{Again, Place, Position};

/// Where a consumer is.
#[derive(Debug, Deserialize, Serialize)]
struct Kept {
    epoch: String,
    #[serde(flatten)]
    lane: KeptLane,
    dead: u64,
    retried: u64,
    missed: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    seeks: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    letters: Option<KeptPosition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    again: Option<KeptAgain>,
}

/// How far it is in a log.
#[derive(Debug, Deserialize, Serialize)]
struct KeptLane {
    /// Number before the oldest event that is not handled.
    after: u64,
    /// Up to here it is known what became of each event.
    known: u64,
    /// What is not handled up to there: how far behind the one before (the first behind
    /// `after`), and how many attempts have failed.
    undone: Vec<(u64, u32)>,
}

#[derive(Debug, Deserialize, Serialize)]
struct KeptPosition {
    epoch: String,
    after: u64,
}

#[derive(Debug, Deserialize, Serialize)]
struct KeptAgain {
    epoch: String,
    until: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    seeks: u64,
    #[serde(flatten)]
    lane: KeptLane,
}

/// What lies beside a log is not where a consumer is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("where it is in the channel cannot be read: {0}; `hearken channel seek` sets it anew")]
pub(super) struct KeptError(String);

/// Writes where a consumer is.
pub(super) fn write(place: &Place) -> Bytes {
    let kept = Kept {
        epoch: place.epoch.to_string(),
        lane: lane(&place.lane),
        dead: place.dead,
        retried: place.retried,
        missed: place.missed,
        seeks: place.seeks,
        letters: place.letters.map(|position| KeptPosition {
            epoch: position.epoch.to_string(),
            after: position.after,
        }),
        again: place.again.as_ref().map(|again| KeptAgain {
            epoch: again.epoch.to_string(),
            until: again.until,
            seeks: again.seeks,
            lane: lane(&again.lane),
        }),
    };
    serde_json::to_vec(&kept)
        .expect("numbers and texts serialise")
        .into()
}

/// Reads where a consumer is.
///
/// # Errors
/// [`KeptError`] when it says nothing of that kind.
pub(super) fn read(bytes: &[u8]) -> Result<Place, KeptError> {
    let kept: Kept = serde_json::from_slice(bytes).map_err(|error| KeptError(error.to_string()))?;
    let again = match kept.again {
        Some(again) => Some(Again {
            epoch: epoch(&again.epoch)?,
            lane: going_on(again.lane)?,
            until: again.until,
            seeks: again.seeks,
        }),
        None => None,
    };
    let letters = match kept.letters {
        Some(letters) => Some(Position {
            epoch: epoch(&letters.epoch)?,
            after: letters.after,
        }),
        None => None,
    };
    Ok(Place {
        epoch: epoch(&kept.epoch)?,
        lane: going_on(kept.lane)?,
        again,
        letters,
        dead: kept.dead,
        retried: kept.retried,
        missed: kept.missed,
        seeks: kept.seeks,
    })
}

/// As serde asks it.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn lane(lane: &Lane) -> KeptLane {
    let after = lane.after();
    let mut before = after;
    let undone = lane.undone().iter().map(|(number, failed)| {
        let behind = number.saturating_sub(before);
        before = *number;
        (behind, *failed)
    });
    KeptLane {
        after,
        undone: undone.collect(),
        known: lane.known(),
    }
}

fn going_on(kept: KeptLane) -> Result<Lane, KeptError> {
    let mut undone = BTreeMap::new();
    let mut number = kept.after;
    for (behind, failed) in kept.undone {
        number = number
            .checked_add(behind)
            .filter(|number| *number <= kept.known && behind > 0)
            .ok_or_else(|| KeptError("the numbers of its events do not ascend".to_owned()))?;
        undone.insert(number, failed);
    }
    Ok(Lane::going_on(kept.after, kept.known, undone))
}

fn epoch(text: &str) -> Result<Epoch, KeptError> {
    text.parse()
        .map_err(|error| KeptError(format!("{text:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use hearken_channel_log::MAX_CELL_BYTES;

    use super::*;
    use crate::consumer::settings::MAX_WINDOW;

    fn place() -> Place {
        let mut place = Place::new(Epoch::new(1), 10);
        for number in 11..=20 {
            place.lane.read(number, true);
        }
        for number in [11, 12, 14, 20] {
            place.lane.done(number);
        }
        place.lane.failed(13, 4);
        place.letters = Some(Position {
            epoch: Epoch::new(2),
            after: 7,
        });
        place.again = Some(Again {
            epoch: Epoch::new(2),
            lane: Lane::new(3),
            until: 9,
            seeks: 1,
        });
        (place.dead, place.retried, place.missed) = (3, 2, 1);
        place.seeks = 2;
        place
    }

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let place = place();
        let read = read(&write(&place)).unwrap();
        assert_eq!((read.lane.after(), read.lane.known()), (12, 20));
        assert_eq!(read.lane.undone(), place.lane.undone());
        assert_eq!(read.lane.undone().get(&13), Some(&4));
        assert_eq!(write(&read), write(&place));
        assert_eq!((read.letters, read.again), (place.letters, place.again));
        assert_eq!(read.seeks, 2);
    }

    #[test]
    fn of_one_that_was_never_sent_elsewhere_nothing_is_said() {
        let mut place = place();
        place.seeks = 0;
        place.again = None;
        let bytes = write(&place);
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(!text.contains("seeks"), "{text}");
        assert_eq!(read(text.as_bytes()).unwrap().seeks, 0);
    }

    #[test]
    fn the_largest_place_fits_into_a_cell() {
        let mut place = place();
        let far = u64::from(u32::MAX) * 1000;
        let lane = || {
            let mut lane = Lane::new(far);
            for number in 1..=MAX_WINDOW as u64 {
                let number = far + number * 1_000_000_000;
                lane.read(number, true);
                lane.failed(number, u32::MAX);
            }
            lane
        };
        place.lane = lane();
        if let Some(again) = &mut place.again {
            again.lane = lane();
        }
        assert!(write(&place).len() < MAX_CELL_BYTES);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let good = String::from_utf8(write(&place()).to_vec()).unwrap();
        assert!(read(good.as_bytes()).is_ok());
        for (from, to) in [
            ("\"known\":20", "\"known\":12"),
            ("[[1,4]", "[[0,4]"),
            ("[[1,4]", "[[18446744073709551615,4]"),
            ("0000000000000001", "1"),
            ("{", ""),
        ] {
            let wrong = good.replacen(from, to, 1);
            assert_ne!(wrong, good, "{from}");
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
