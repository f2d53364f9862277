//! Handing on: each thing is encoded once for all who get the same bytes.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::FixedState;
use hearken_session_protocol::payload::push_json_string;
use hearken_session_protocol::{Encoding, Publication, Push, PushChannel, delta};

use super::item::Item;
use super::subscriber::{Gate, Subscriber};
use crate::access::Identity;
use crate::session::frame::{Form, Frame};
use crate::session::name::ChannelName;
use crate::session::publication::StoredPublication;

/// Publications that go out in one frame at most, as in Centrifugo, and bytes beyond which no
/// further one is put into it.
const MAX_TOGETHER: usize = 16;
const MAX_BYTES_TOGETHER: usize = 16 << 10;

/// What is handed on at once, and to whom.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) channel: ChannelName,
    pub(super) number: u64,
    pub(super) items: Vec<Item>,
    /// The publication before them, where somebody gets deltas.
    pub(super) previous: Option<Arc<StoredPublication>>,
    pub(super) subscribers: Arc<Vec<Arc<Subscriber>>>,
    /// Subscribers that have begun after less than this serial number may have missed
    /// something.
    pub(super) lost: Option<u64>,
}

/// What a batch looks like, as far as anybody has asked.
#[derive(Debug)]
pub(super) struct Encodings<'b> {
    batch: &'b Batch,
    chunks: Vec<Range<usize>>,
    known: HashMap<(Form, Part), Bytes, FixedState>,
}

/// A part of a batch in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    /// All of a chunk, by its place.
    Chunk(usize),
    /// One item alone, by its place.
    Full(usize),
    /// The same as a delta, if that is shorter.
    Delta(usize),
}

impl Batch {
    pub(super) fn encodings(&self) -> Encodings<'_> {
        Encodings {
            chunks: chunks(&self.items),
            batch: self,
            known: HashMap::default(),
        }
    }

    /// The serial number of the item at this place, if it is a publication.
    fn serial(&self, at: usize) -> Option<u64> {
        match &self.items[at] {
            Item::Publication { serial, .. } => Some(*serial),
            Item::Join(_) | Item::Leave(_) => None,
        }
    }

    /// Hands the batch, which was read up to the number `next`, to a subscriber that lags, as
    /// much of it as it has room for. Returns how many bytes the first frame has for which
    /// there was none; 0 if there was for all.
    pub(super) fn bring(&self, subscriber: &Subscriber, next: u64) -> usize {
        let form = subscriber.new.form;
        let Some(mut gate) = subscriber.entered() else {
            return 0;
        };
        let mut at = 0;
        while at < self.items.len() {
            let mut frame = Frame::new(form.variant);
            let (mut count, mut bytes, mut last) = (0, 0, None);
            let mut follows = gate.has_previous;
            while at < self.items.len() && count < MAX_TOGETHER && bytes < MAX_BYTES_TOGETHER {
                let item = &self.items[at];
                let is_wanted = is_for(subscriber, item);
                if is_wanted {
                    self.push(&mut frame, form, at, follows);
                    count += 1;
                    bytes += item.bytes();
                }
                follows = is_wanted;
                last = self.serial(at);
                at += 1;
            }
            if count > 0 {
                let frame = frame.finish();
                let bytes = frame.len();
                if !subscriber.new.outbox.bring(frame) {
                    return bytes;
                }
            }
            gate.has_previous = follows;
            gate.pass(last.unwrap_or_default());
        }
        gate.pass(next);
        0
    }

    /// The publication before the item at this place.
    fn before(&self, at: usize) -> Option<&StoredPublication> {
        let before = self.items[..at].iter().rev();
        let publications = before.filter_map(|item| match item {
            Item::Publication { publication, .. } => Some(&**publication),
            Item::Join(_) | Item::Leave(_) => None,
        });
        publications.chain(self.previous.as_deref()).next()
    }
}

/// Publications that follow one another stand in one chunk as long as they are not too many
/// or too large; all else alone.
fn chunks(items: &[Item]) -> Vec<Range<usize>> {
    let mut chunks: Vec<Range<usize>> = Vec::new();
    let mut bytes = usize::MAX;
    for (at, item) in items.iter().enumerate() {
        let Item::Publication { publication, .. } = item else {
            chunks.push(at..at + 1);
            bytes = usize::MAX;
            continue;
        };
        let more = publication.bytes();
        match chunks.last_mut() {
            Some(last) if last.len() < MAX_TOGETHER && bytes < MAX_BYTES_TOGETHER => {
                last.end = at + 1;
                bytes += more;
            }
            _ => {
                chunks.push(at..at + 1);
                bytes = more;
            }
        }
    }
    chunks
}

/// Whether a subscriber gets something now.
fn wants(subscriber: &Subscriber, gate: &Gate, item: &Item) -> bool {
    match item {
        Item::Join(_) | Item::Leave(_) => subscriber.new.join_leave,
        Item::Publication { serial, .. } => {
            let after = gate.after().unwrap_or(subscriber.after);
            *serial > after && !gate.lags() && is_for(subscriber, item)
        }
    }
}

/// Whether a publication is one for the subscriber.
fn is_for(subscriber: &Subscriber, item: &Item) -> bool {
    let new = &subscriber.new;
    match item {
        Item::Join(_) | Item::Leave(_) => false,
        Item::Publication {
            publication,
            exclude,
            ..
        } => {
            let event_type = || publication.event().event_type();
            let may_hear = |identity: &Identity| identity.rights().may_hear(event_type());
            new.hears.as_ref().is_none_or(may_hear)
                && !exclude.as_ref().is_some_and(|exclude| exclude.is_of(new))
                && new
                    .filter
                    .as_ref()
                    .is_none_or(|filter| filter.matches(|key| publication.tag(key)))
        }
    }
}

impl Encodings<'_> {
    /// Hands the batch to a subscriber. Whether that lags from now on, for want of room, and
    /// has to be brought on.
    pub(super) fn deliver(&mut self, subscriber: &Subscriber) -> bool {
        let Some(mut gate) = subscriber.entered() else {
            return false;
        };
        let lagged = gate.lags();
        for at in 0..self.chunks.len() {
            let chunk = self.chunks[at].clone();
            let form = subscriber.new.form;
            let mut items = self.batch.items[chunk.clone()].iter();
            let is_whole = (!form.delta || gate.has_previous)
                && items.all(|item| wants(subscriber, &gate, item));
            if is_whole {
                let frame = self.frame(form, Part::Chunk(at));
                match self.batch.serial(chunk.end - 1) {
                    Some(serial) => {
                        subscriber.send(&mut gate, frame, serial);
                    }
                    None => subscriber.tell(&mut gate, frame),
                }
                continue;
            }
            for at in chunk {
                self.deliver_one(subscriber, &mut gate, at);
            }
        }
        // Who was not opened yet is brought on then.
        !lagged && gate.lags() && Subscriber::is_open(&gate)
    }

    fn deliver_one(&mut self, subscriber: &Subscriber, gate: &mut Gate, at: usize) {
        let form = subscriber.new.form;
        let is_wanted = wants(subscriber, gate, &self.batch.items[at]);
        let part = if form.delta && gate.has_previous {
            Part::Delta(at)
        } else {
            Part::Full(at)
        };
        let frame = is_wanted.then(|| self.frame(form, part));
        let Some(serial) = self.batch.serial(at) else {
            if let Some(frame) = frame {
                subscriber.tell(gate, frame);
            }
            return;
        };
        let is_sent = frame.is_some_and(|frame| subscriber.send(gate, frame, serial));
        gate.has_previous = is_sent;
        if !gate.lags() {
            gate.pass(serial);
        }
    }

    fn frame(&mut self, form: Form, part: Part) -> Bytes {
        let batch = self.batch;
        let chunks = &self.chunks;
        let known = self.known.entry((form, part));
        let encode = || {
            let mut frame = Frame::new(form.variant);
            match part {
                Part::Chunk(at) => {
                    for at in chunks[at].clone() {
                        batch.push(&mut frame, form, at, true);
                    }
                }
                Part::Full(at) => batch.push(&mut frame, form, at, false),
                Part::Delta(at) => batch.push(&mut frame, form, at, true),
            }
            frame.finish()
        };
        known.or_insert_with(encode).clone()
    }
}

impl Batch {
    /// Adds an item to a frame; a publication as a delta only where the form allows it, if
    /// it follows on the one before.
    fn push(&self, frame: &mut Frame, form: Form, at: usize, follows: bool) {
        let channel = match i64::try_from(self.number) {
            Ok(number) if form.numbered => PushChannel::Number(number),
            _ => PushChannel::Name(self.channel.as_str()),
        };
        match &self.items[at] {
            Item::Join(info) => frame.push(channel, &Push::Join(info)),
            Item::Leave(info) => frame.push(channel, &Push::Leave(info)),
            Item::Publication {
                publication,
                as_delta,
                ..
            } if form.delta => {
                let before = self.before(at).filter(|_| follows && *as_delta);
                let publication = with_delta(publication, before, form.variant.encoding);
                frame.push(channel, &Push::Publication(&publication));
            }
            Item::Publication { publication, .. } => {
                let publication = publication.of(form.variant.encoding);
                frame.push(channel, &Push::Publication(publication));
            }
        }
    }
}

/// A publication for a subscription with deltas, of which the one before is not known to have
/// come.
pub(in crate::session) fn full_of_deltas(
    publication: &StoredPublication,
    encoding: Encoding,
) -> Publication {
    with_delta(publication, None, encoding)
}

/// A publication for a subscription with deltas: what differs from the one before, if that is
/// shorter.
fn with_delta(
    publication: &StoredPublication,
    before: Option<&StoredPublication>,
    encoding: Encoding,
) -> Publication {
    let is_text = encoding == Encoding::Json;
    let full = publication.of(encoding);
    let made = before.map(|before| delta::create(&before.of(encoding).data, &full.data, is_text));
    let made = made.filter(|made| made.len() < full.data.len());
    let is_delta = made.is_some();
    let data = made.map_or_else(|| full.data.clone(), Bytes::from);
    Publication {
        data: if is_text { as_string(&data) } else { data },
        delta: is_delta,
        ..full.clone()
    }
}

/// In JSON the data of a subscription with deltas is a string that holds it.
fn as_string(data: &[u8]) -> Bytes {
    let mut string = Vec::with_capacity(data.len() + 16);
    push_json_string(&String::from_utf8_lossy(data), &mut string);
    string.into()
}
