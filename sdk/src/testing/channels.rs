//! The channels of a fake host: logs in memory, with the rules of a node's.

use std::collections::{BTreeMap, VecDeque};
use std::time::SystemTime;

use crate::channels::{AppendError, Bounds, Page, Position, ReadError, Stored};
use crate::{Event, outgoing};

/// Most events of an append, and of a page.
const MOST: usize = 1000;

/// The channels of one host.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    logs: BTreeMap<String, Vec<Event>>,
    pub refusals: VecDeque<AppendError>,
}

impl Channels {
    /// Makes a channel, if there is none of the name.
    pub fn make(&mut self, name: String) {
        self.logs.entry(name).or_default();
    }

    /// What a channel has.
    pub fn events(&self, name: &str) -> Option<&[Event]> {
        self.logs.get(name).map(Vec::as_slice)
    }

    /// Whether events are taken.
    pub fn check(&mut self, name: &str, events: usize) -> Result<(), AppendError> {
        if let Some(error) = self.refusals.pop_front() {
            return Err(error);
        }
        if !self.logs.contains_key(name) {
            return Err(AppendError::NoChannel {
                channel: name.to_owned(),
                nearest: None,
            });
        }
        if events > MOST {
            let why = format!("a batch has at most {MOST} events");
            return Err(AppendError::TooLarge(why));
        }
        Ok(())
    }

    /// Whether the last event is the one that is expected, if one is.
    pub fn expect(&self, name: &str, expect_last: Option<u64>) -> Result<(), AppendError> {
        let last = self.next(name) - 1;
        match expect_last {
            Some(expected) if expected != last => Err(AppendError::Conflict { last }),
            _ => Ok(()),
        }
    }

    /// The event that the channel has under an id.
    pub fn find(&self, name: &str, id: &str) -> Option<&Event> {
        self.events(name)?.iter().find(|event| event.id() == id)
    }

    /// The number of the next event.
    pub fn next(&self, name: &str) -> u64 {
        self.events(name).map_or(0, <[Event]>::len) as u64 + 1
    }

    pub fn push(&mut self, name: &str, event: Event) {
        self.logs.entry(name.to_owned()).or_default().push(event);
    }

    pub fn read(&self, name: &str, after: &Position, limit: u32) -> Result<Page, ReadError> {
        let bounds = self.bounds(name)?;
        let log = self.events(name).unwrap_or_default();
        let limit = limit as usize;
        if !(1..=MOST).contains(&limit) {
            let why = format!("the limit is {limit}; it is 1 to {MOST}");
            return Err(ReadError::Invalid(why));
        }
        if after
            .epoch
            .as_ref()
            .is_some_and(|given| *given != bounds.epoch)
        {
            return Err(ReadError::AnotherLog {
                epoch: bounds.epoch,
            });
        }
        let behind = usize::try_from(after.sequence).ok();
        let Some(behind) = behind.and_then(|behind| log.get(behind..)) else {
            return Err(ReadError::Invalid(format!(
                "the position {} is beyond the last event, whose number is {}",
                after.sequence, bounds.last
            )));
        };
        let events: Vec<Event> = behind.iter().take(limit).cloned().collect();
        Ok(Page {
            next: Position {
                epoch: Some(bounds.epoch),
                sequence: after.sequence + events.len() as u64,
            },
            events,
            last: bounds.last,
            gap: None,
        })
    }

    pub fn bounds(&self, name: &str) -> Result<Bounds, ReadError> {
        let log = self.events(name).ok_or_else(|| ReadError::NoChannel {
            channel: name.to_owned(),
            nearest: None,
        })?;
        Ok(Bounds {
            epoch: epoch(name),
            first: 1,
            last: log.len() as u64,
        })
    }
}

/// Which log a channel of a fake host is.
pub(crate) fn epoch(name: &str) -> String {
    format!("epoch-of-{name}")
}

/// Where an event was stored.
pub(crate) fn stored(name: &str, event: &Event, duplicate: bool) -> Stored {
    Stored {
        id: event.id().to_owned(),
        sequence: event.sequence().unwrap_or_default(),
        epoch: epoch(name),
        recorded_time: SystemTime::UNIX_EPOCH,
        duplicate,
    }
}

/// What the events that are appended while a channel's event is handled are named after.
#[derive(Debug)]
pub(crate) struct Handling {
    prefix: String,
    part: Option<String>,
    /// Numbers that are given.
    given: u64,
    /// What was refused, and its first numbers.
    refused: Vec<(String, u64)>,
}

/// The numbers of one append.
#[derive(Debug)]
pub(crate) struct Numbered {
    first: u64,
    events: u64,
    /// By what a repeat of it is known.
    content: String,
}

impl Handling {
    pub fn of(event: &Event) -> Option<Self> {
        let (channel, sequence) = event.channel().zip(event.sequence())?;
        let epoch = epoch(channel);
        Some(Self {
            prefix: format!("{channel}/{epoch}/{sequence}/test"),
            part: None,
            given: 0,
            refused: Vec::new(),
        })
    }

    pub fn begin_part(&mut self, name: &str) {
        self.part = Some(name.to_owned());
        self.given = 0;
        self.refused.clear();
    }

    /// Gives the events of an append that bring no id one that is the same at each attempt.
    pub fn name(&self, channel: &str, events: &mut [outgoing::Attributes]) -> Numbered {
        let content = format!("{channel}: {events:?}");
        let mut refused = self.refused.iter();
        let repeated = refused.find(|(refused, _)| *refused == content);
        let first = repeated.map_or(self.given + 1, |(_, first)| *first);
        let mut next = first;
        for event in events.iter_mut().filter(|event| event.id.is_none()) {
            event.id = Some(match &self.part {
                Some(part) => format!("{}/{part}/{next}", self.prefix),
                None => format!("{}/{next}", self.prefix),
            });
            next += 1;
        }
        Numbered {
            first,
            events: next - first,
            content,
        }
    }

    /// Whether an id is one of those.
    pub fn has_named(&self, id: &str) -> bool {
        let rest = id.strip_prefix(&self.prefix);
        rest.is_some_and(|rest| rest.starts_with('/'))
    }

    /// What became of an append: what is refused keeps its numbers.
    pub fn appended(&mut self, numbered: Numbered, is_stored: bool) {
        let Numbered {
            first,
            events,
            content,
        } = numbered;
        self.given = self.given.max(first - 1 + events);
        self.refused.retain(|(_, refused)| *refused != first);
        if !is_stored {
            self.refused.push((content, first));
        }
    }
}
