//! What is said of a log, as it is sent.

use std::sync::Arc;

use hearken_session_protocol::Encoding;

use crate::session::across::protocol;
use crate::session::across::protocol::home::What;
use crate::session::across::wire::{Besides, Unreadable, bytes_of, event_of, is_number};
use crate::session::history::Position;
use crate::session::homed::{Entry, KeptKey, Manner, Part, Word};
use crate::session::hub::LogWord;
use crate::session::name::ChannelName;
use crate::session::publication::StoredPublication;

/// Most bytes of an epoch.
const MAX_EPOCH: usize = 64;

/// Nodes that are read of those that were asked: more than a cluster has.
const MAX_ASKED: usize = 1_024;

/// What is said of the log of a channel.
pub(super) fn encoded(channel: &ChannelName, word: LogWord) -> protocol::Home {
    let nothing = protocol::Nothing {};
    let what = match word {
        Word::Follow { serial, since } => What::Follow(protocol::Follow {
            serial,
            since: since.map(|since| position(&since)),
        }),
        Word::Followed {
            serial,
            part,
            is_all,
            dropped,
        } => What::Followed(protocol::Followed {
            serial,
            part: Some(part_to(part)),
            is_all,
            dropped,
        }),
        Word::Published {
            epoch,
            number,
            entry: published,
            manner,
        } => What::Published(protocol::Published {
            position: Some(protocol::Position {
                offset: number,
                epoch: epoch.to_string(),
            }),
            entry: Some(entry(&published, manner)),
        }),
        Word::Unfollow => What::Unfollow(nothing),
        Word::Moved => What::Moved(nothing),
        Word::Take { asked } => What::Take(protocol::Take { asked }),
        Word::NotMine { agrees, rank } => What::NotMine(protocol::NotMine { agrees, rank }),
        Word::Hand {
            serial,
            is_first,
            is_last,
            part,
            keys,
        } => What::Hand(protocol::Hand {
            serial,
            first: is_first,
            last: is_last,
            keys: keys_to(keys, &part.epoch),
            part: Some(part_to(part)),
        }),
        Word::Keys { epoch, rank, keys } => What::Keys(protocol::Keys {
            keys: keys_to(keys, &epoch),
            epoch: epoch.to_string(),
            rank,
        }),
        Word::Handed { serial, is_wanted } => What::Handed(protocol::Handed {
            serial,
            wanted: is_wanted,
        }),
        Word::Removed { epoch } => What::Removed(epoch.to_string()),
    };
    protocol::Home {
        channel: channel.to_string(),
        what: Some(what),
    }
}

/// What was said of the log of a channel; nothing where a later version says what is not known
/// here.
///
/// # Errors
/// [`Unreadable`] when no node says that.
pub(super) fn decoded(home: protocol::Home) -> Result<Option<(ChannelName, LogWord)>, Unreadable> {
    let channel = ChannelName::new(&home.channel);
    let channel = channel.map_err(|_| Unreadable::Missing("valid channel"))?;
    let Some(what) = home.what else {
        return Ok(None);
    };
    let word = match what {
        What::Follow(follow) => Word::Follow {
            serial: follow.serial,
            since: follow.since.map(position_of).transpose()?,
        },
        What::Followed(followed) => Word::Followed {
            serial: followed.serial,
            part: part_of(followed.part)?,
            is_all: followed.is_all,
            dropped: followed.dropped,
        },
        What::Published(published) => {
            let position = published.position.ok_or(Unreadable::Missing("position"))?;
            let Position { offset, epoch } = position_of(position)?;
            let entry = published.entry.ok_or(Unreadable::Missing("entry"))?;
            let (entry, manner) = entry_of(entry, offset)?;
            Word::Published {
                epoch,
                number: offset,
                entry,
                manner,
            }
        }
        What::Unfollow(_) => Word::Unfollow,
        What::Moved(_) => Word::Moved,
        What::Take(protocol::Take { mut asked }) => {
            asked.truncate(MAX_ASKED);
            Word::Take { asked }
        }
        What::NotMine(not_mine) => Word::NotMine {
            agrees: not_mine.agrees,
            rank: not_mine.rank,
        },
        What::Hand(hand) => {
            let part = part_of(hand.part)?;
            Word::Hand {
                serial: hand.serial,
                is_first: hand.first,
                is_last: hand.last,
                keys: keys_of(hand.keys, &part.epoch)?,
                part,
            }
        }
        What::Keys(told) => {
            let epoch = epoch_of(told.epoch)?;
            Word::Keys {
                keys: keys_of(told.keys, &epoch)?,
                epoch,
                rank: told.rank,
            }
        }
        What::Handed(handed) => Word::Handed {
            serial: handed.serial,
            is_wanted: handed.wanted,
        },
        What::Removed(epoch) => Word::Removed {
            epoch: epoch_of(epoch)?,
        },
    };
    Ok(Some((channel, word)))
}

/// A position as it is sent.
pub(in crate::session::across) fn position(position: &Position) -> protocol::Position {
    protocol::Position {
        offset: position.offset,
        epoch: position.epoch.to_string(),
    }
}

/// A position that was sent.
///
/// # Errors
/// [`Unreadable`] when there is none such.
pub(in crate::session::across) fn position_of(
    position: protocol::Position,
) -> Result<Position, Unreadable> {
    if !is_number(position.offset) {
        return Err(Unreadable::Missing("valid offset"));
    }
    Ok(Position {
        offset: position.offset,
        epoch: epoch_of(position.epoch)?,
    })
}

fn epoch_of(epoch: String) -> Result<Arc<str>, Unreadable> {
    match epoch.len() <= MAX_EPOCH {
        true => Ok(epoch.into()),
        false => Err(Unreadable::Missing("valid epoch")),
    }
}

fn part_to(part: Part<StoredPublication>) -> protocol::Part {
    let entries = part.entries.iter();
    protocol::Part {
        epoch: part.epoch.to_string(),
        behind: part.behind,
        entries: entries.map(|one| entry(one, Manner::default())).collect(),
        lasts_ms: part.lasts,
        rank: part.rank,
    }
}

fn part_of(part: Option<protocol::Part>) -> Result<Part<StoredPublication>, Unreadable> {
    let part = part.ok_or(Unreadable::Missing("part"))?;
    let Position { offset, epoch } = position_of(protocol::Position {
        offset: part.behind,
        epoch: part.epoch,
    })?;
    let entries = (offset + 1..).zip(part.entries);
    let entries = entries.map(|(number, entry)| Ok(entry_of(entry, number)?.0));
    Ok(Part {
        epoch,
        behind: offset,
        entries: entries.collect::<Result<_, Unreadable>>()?,
        lasts: part.lasts_ms,
        rank: part.rank,
    })
}

fn entry(entry: &Entry<StoredPublication>, manner: Manner) -> protocol::Entry {
    let publication = entry.publication.of(Encoding::Protobuf);
    let besides = Besides {
        info: publication.info.clone(),
        // With those that are attributes of the event by the home's settings.
        tags: publication.tags.clone(),
        exclude: manner.exclude,
        as_delta: manner.as_delta,
    };
    protocol::Entry {
        event: bytes_of(entry.publication.event()),
        beside: Some(besides.encoded()),
    }
}

fn entry_of(
    entry: protocol::Entry,
    number: u64,
) -> Result<(Entry<StoredPublication>, Manner), Unreadable> {
    let Besides {
        info,
        tags,
        exclude,
        as_delta,
    } = Besides::decoded(entry.beside)?;
    let event = event_of(&entry.event)?;
    let bytes = StoredPublication::bytes_of(&event, info.as_ref(), &tags);
    let publication = StoredPublication::new(event, number, info, tags, &[]);
    let entry = Entry {
        bytes,
        publication: Arc::new(publication),
    };
    Ok((entry, Manner { exclude, as_delta }))
}

fn keys_to(keys: Vec<KeptKey>, log: &Arc<str>) -> Vec<protocol::Key> {
    keys.into_iter().map(|kept| key_to(kept, log)).collect()
}

fn keys_of(keys: Vec<protocol::Key>, log: &Arc<str>) -> Result<Vec<KeptKey>, Unreadable> {
    keys.into_iter().map(|key| key_of(key, log)).collect()
}

fn key_to(kept: KeptKey, log: &Arc<str>) -> protocol::Key {
    let (number, epoch) = match kept.position {
        None => (None, None),
        Some(Position { offset, epoch }) if epoch == *log => (Some(offset), None),
        Some(Position { offset, epoch }) => (Some(offset), Some(epoch.to_string())),
    };
    protocol::Key {
        key: kept.key.to_string(),
        id: kept.id.to_string(),
        time: kept.time,
        number,
        lasts_ms: kept.lasts,
        epoch,
    }
}

fn key_of(key: protocol::Key, log: &Arc<str>) -> Result<KeptKey, Unreadable> {
    let position = key.number.map(|offset| {
        let epoch = key.epoch.unwrap_or_else(|| log.to_string());
        position_of(protocol::Position { offset, epoch })
    });
    Ok(KeptKey {
        key: key.key.into(),
        id: key.id.into(),
        time: key.time,
        position: position.transpose()?,
        lasts: key.lasts_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(position: Option<(u64, &str)>) -> KeptKey {
        KeptKey {
            key: "subject\nkey".into(),
            id: "id".into(),
            time: 17,
            position: position.map(|(offset, epoch)| Position {
                offset,
                epoch: epoch.into(),
            }),
            lasts: 300,
        }
    }

    #[test]
    fn what_a_key_was_answered_goes_along_whatever_its_epoch() {
        let part: Arc<str> = "this".into();
        let places = [
            None,
            Some((0, "this")),
            Some((5, "this")),
            Some((7, "one before")),
        ];
        for place in places {
            let sent = key_to(kept(place), &part);
            assert_eq!(sent.epoch.is_some(), place == Some((7, "one before")));
            assert_eq!(key_of(sent, &part).unwrap(), kept(place));
        }
    }

    #[test]
    fn an_epoch_of_a_key_that_no_node_sends_is_none() {
        let mut sent = key_to(kept(Some((7, "one before"))), &"this".into());
        sent.epoch = Some("x".repeat(MAX_EPOCH + 1));
        assert!(key_of(sent, &"this".into()).is_err());
    }
}
