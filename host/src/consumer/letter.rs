//! Dead letters: events that a plugin could not handle, with what is known of that.

use hearken_channel_log::{ChannelName, ChannelNameError, MAX_BATCH_BYTES};
use hearken_wire::{EventRef, ExtensionKind, Fields};

use super::handling::Round;
use crate::channel::OF_DEAD_LETTERS;
use crate::event::Event;
use crate::event::cloudevent::rfc3339;

const CHANNEL: &str = "deadchannel";
const SEQUENCE: &str = "deadsequence";
const PLUGIN: &str = "deadplugin";
const ATTEMPTS: &str = "deadattempts";
const REASON: &str = "deadreason";
const SEEKS: &str = "deadseeks";
const ALL: [&str; 6] = [CHANNEL, SEQUENCE, PLUGIN, ATTEMPTS, REASON, SEEKS];

/// What is left out when a letter would be too large to be kept.
const WITHOUT_DATA: &str = "its data is left out, since it is too large for a dead letter; ";

/// Of which event of which consumer a letter is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dead<'a> {
    pub(super) event: EventRef<'a>,
    pub(super) channel: &'a ChannelName,
    /// Its number in that.
    pub(super) sequence: u64,
    pub(super) plugin: &'a str,
    /// In which it died.
    pub(super) round: Round,
    pub(super) attempts: u32,
    pub(super) reason: &'a str,
}

/// What a letter says of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter<'a> {
    pub(super) channel: &'a str,
    pub(super) sequence: u64,
    pub(super) plugin: &'a str,
    /// In which it died; nothing in a letter of before letters said so.
    pub(super) round: Option<Round>,
    /// Whether it has no data since the event's were too large for it.
    pub(super) lacks_data: bool,
}

/// The channel of the dead letters of a plugin.
///
/// # Errors
/// [`ChannelNameError`] when the plugin's name is too long for that of a channel.
pub(super) fn channel_of(plugin: &str) -> Result<ChannelName, ChannelNameError> {
    ChannelName::new(&format!("{OF_DEAD_LETTERS}{plugin}"))
}

/// Makes a letter, for the channel of that name.
pub(super) fn write(dead: &Dead<'_>, letters: &ChannelName) -> Event {
    let letter = encode(dead, letters, dead.event.data(), dead.reason);
    if letter.as_bytes().len() <= MAX_BATCH_BYTES {
        return letter;
    }
    let reason = format!("{WITHOUT_DATA}{}", dead.reason);
    encode(dead, letters, None, &reason)
}

fn encode(dead: &Dead<'_>, letters: &ChannelName, data: Option<&[u8]>, reason: &str) -> Event {
    let event = dead.event;
    let recorded = rfc3339(event.recorded_time());
    let fields = Fields {
        producer_time: Some(event.producer_time().unwrap_or(&recorded)),
        data,
        channel: Some(letters.as_str()),
        sequence: None,
        ..fields(event)
    };
    let (sequence, attempts) = (dead.sequence.to_string(), dead.attempts.to_string());
    let own = [
        (CHANNEL, ExtensionKind::String, dead.channel.as_str()),
        (SEQUENCE, ExtensionKind::String, &*sequence),
        (PLUGIN, ExtensionKind::String, dead.plugin),
        (ATTEMPTS, kind_of(dead.attempts.into()), &*attempts),
        (REASON, ExtensionKind::String, reason),
    ];
    // Said also when there were none, unlike in a letter of before letters said it.
    let seeks = dead.round.seeks();
    let seeks = seeks.map(|seeks| (kind_of(seeks), seeks.to_string()));
    let seeks = seeks
        .as_ref()
        .map(|(kind, seeks)| (SEEKS, *kind, seeks.as_str()));
    encoded(&fields, others(event).chain(own).chain(seeks))
}

/// What a number is as an extension: an integer there has 32 bits.
fn kind_of(number: u64) -> ExtensionKind {
    match i32::try_from(number) {
        Ok(_) => ExtensionKind::Integer,
        Err(_) => ExtensionKind::String,
    }
}

/// Reads what a letter says of its event; nothing if it is no letter.
pub(super) fn read(letter: EventRef<'_>) -> Option<Letter<'_>> {
    let of = |wanted: &str| {
        let mut extensions = letter.extensions();
        let found = extensions.find(|(name, ..)| *name == wanted);
        found.map(|(_, _, value)| value)
    };
    Some(Letter {
        channel: of(CHANNEL)?,
        sequence: of(SEQUENCE)?.parse().ok()?,
        plugin: of(PLUGIN)?,
        round: of(SEEKS)
            .and_then(|seeks| seeks.parse().ok())
            .map(Round::after),
        lacks_data: letter.data().is_none()
            && of(REASON).is_some_and(|reason| reason.starts_with(WITHOUT_DATA)),
    })
}

/// The event of a letter, as it was in its channel but for the time at which it was recorded
/// there.
pub(super) fn event_of(event: EventRef<'_>, letter: Letter<'_>) -> Event {
    let fields = Fields {
        channel: Some(letter.channel),
        sequence: Some(letter.sequence),
        ..fields(event)
    };
    encoded(&fields, others(event))
}

/// What of an event stays as it is, also in its letter. That is of this node alone.
fn fields(event: EventRef<'_>) -> Fields<'_> {
    Fields {
        event_type: event.event_type(),
        id: [event.id(), ""],
        source: event.source(),
        subject: event.subject(),
        recorded_time: event.recorded_time(),
        producer_time: event.producer_time(),
        datacontenttype: event.datacontenttype(),
        data: event.data(),
        distributed: false,
        origin: event.origin(),
        channel: None,
        sequence: None,
        traceparent: event.traceparent(),
        tracestate: event.tracestate(),
    }
}

/// The extensions that are not of letters.
fn others(event: EventRef<'_>) -> impl Iterator<Item = (&str, ExtensionKind, &str)> {
    event.extensions().filter(|(name, ..)| !ALL.contains(name))
}

fn encoded<'a>(
    fields: &Fields<'_>,
    extensions: impl Iterator<Item = (&'a str, ExtensionKind, &'a str)>,
) -> Event {
    let mut bytes = Vec::new();
    hearken_wire::encode(fields, extensions, &mut bytes);
    Event::copied(EventRef::assume_encoded(&bytes))
}

/// A letter as it was before letters said in which round their event died.
#[cfg(test)]
pub(super) fn without_round(letter: EventRef<'_>) -> Event {
    let fields = Fields {
        channel: letter.channel(),
        ..fields(letter)
    };
    let others = letter.extensions().filter(|(name, ..)| *name != SEEKS);
    encoded(&fields, others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, EventType, ExtensionValue, Stamp};

    fn name(text: &str) -> ChannelName {
        ChannelName::new(text).expect("valid")
    }

    fn event(data: Vec<u8>) -> Event {
        let draft = Draft {
            id: Some("7".into()),
            source: Some("/shop".into()),
            subject: Some("order-7".into()),
            data: Some(data.into()),
            channel: Some("orders".into()),
            extensions: vec![
                ("sequence".into(), ExtensionValue::Integer(5)),
                ("from".into(), ExtensionValue::String("a".into())),
            ],
            ..Draft::new(EventType::custom("paid").expect("valid"))
        };
        draft.stamp(&Stamp {
            id: ["", ""],
            source: "",
            time: 1_500,
            origin: "b",
            sequence: Some(41),
        })
    }

    fn dead<'a>(event: &'a Event, channel: &'a ChannelName) -> Dead<'a> {
        Dead {
            event: event.packed(),
            channel,
            sequence: 41,
            plugin: "shop",
            round: Round::Seek(2),
            attempts: 8,
            reason: "no such order",
        }
    }

    #[test]
    fn a_letter_is_the_event_and_says_why() {
        let (event, orders) = (event(b"{}".to_vec()), name("orders"));
        let letter = write(&dead(&event, &orders), &name("dead.shop"));
        assert_eq!(letter.channel(), Some("dead.shop"));
        assert_eq!((letter.id(), letter.source()), ("7", "/shop"));
        assert_eq!(letter.producer_time(), Some("1970-01-01T00:00:01.500Z"));
        let said: Vec<_> = letter
            .extensions()
            .filter(|(name, _)| name.starts_with("dead"))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            said,
            [
                "deadchannel=orders",
                "deadsequence=41",
                "deadplugin=shop",
                "deadattempts=8",
                "deadreason=no such order",
                "deadseeks=2"
            ]
        );
        let read = read(letter.packed()).expect("a letter");
        assert_eq!(
            (read.channel, read.sequence, read.plugin),
            ("orders", 41, "shop")
        );
        assert_eq!(read.round, Some(Round::Seek(2)));
        let again = event_of(letter.packed(), read);
        assert_eq!(
            (again.channel(), again.sequence()),
            (Some("orders"), Some(41))
        );
        assert_eq!(again.data(), event.data());
        assert!(again.extensions().eq(event.extensions()));
    }

    #[test]
    fn a_letter_of_a_letter_says_the_last_reason() {
        let (event, orders) = (event(Vec::new()), name("orders"));
        let first = write(&dead(&event, &orders), &name("dead.shop"));
        let letters = name("dead.shop");
        let second = Dead {
            event: first.packed(),
            channel: &letters,
            sequence: 1,
            plugin: "audit",
            round: Round::First,
            attempts: u32::MAX,
            reason: "again",
        };
        let second = write(&second, &name("dead.audit"));
        let read = read(second.packed()).expect("a letter");
        assert_eq!((read.channel, read.plugin), ("dead.shop", "audit"));
        assert_eq!(read.round, Some(Round::First));
        let dead = second
            .extensions()
            .filter(|(name, _)| name.starts_with("dead"));
        assert_eq!(dead.count(), 6, "each once");
    }

    #[test]
    fn a_letter_says_in_which_round_its_event_died_unless_it_is_of_before() {
        let (event, orders) = (event(b"{}".to_vec()), name("orders"));
        for round in [Round::First, Round::Seek(1), Round::Seek(u64::MAX)] {
            let dead = Dead {
                round,
                ..dead(&event, &orders)
            };
            let letter = write(&dead, &name("dead.shop"));
            let said = read(letter.packed()).expect("a letter");
            assert_eq!(said.round, Some(round));
            let before = without_round(letter.packed());
            let before = read(before.packed()).expect("a letter");
            assert_eq!(
                before,
                Letter {
                    round: None,
                    ..said
                }
            );
        }
    }

    #[test]
    fn what_is_no_letter_is_not_read() {
        assert_eq!(read(event(Vec::new()).packed()), None);
    }

    #[test]
    fn a_letter_is_never_larger_than_what_a_channel_takes() {
        let (event, orders) = (event(vec![b'x'; MAX_BATCH_BYTES]), name("orders"));
        let letter = write(&dead(&event, &orders), &name("dead.shop"));
        assert!(letter.as_bytes().len() < 10_000);
        assert_eq!(letter.data(), None);
        assert!(read(letter.packed()).is_some_and(|of| of.lacks_data));
        let small = self::event(Vec::new());
        let letter = write(&dead(&small, &orders), &name("dead.shop"));
        assert!(read(letter.packed()).is_some_and(|of| !of.lacks_data));
    }
}
