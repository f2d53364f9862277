//! What is counted of sessions since the node started. It has few kinds of everything: what an
//! application or a client makes up itself is put together.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hearken_session_protocol::Request;

use super::frame::Framing;

/// Codes of errors from here on are those of plugins; the others are the protocol's.
const OWN_ERRORS: u32 = 400;

/// Codes of disconnects from here on are those of applications.
const OWN_DISCONNECTS: u32 = 4000;

/// Up to how many microseconds something took that is counted in each class.
const CLASSES: [u64; 12] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 1_000_000, 5_000_000,
];

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) connected: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) published: AtomicU64,
    pub(super) recovered: AtomicU64,
    pub(super) unrecovered: AtomicU64,
    pub(super) recovered_publications: AtomicU64,
    pub(super) dropped: AtomicU64,
    /// Looks at who is subscribed for which other nodes had not said all in time.
    pub(super) partial: AtomicU64,
    pub(super) received: Traffic,
    pub(super) sent: Traffic,
    /// Subscriptions that there are.
    pub(super) subscriptions: AtomicU64,
    /// Sessions that there are, by transport.
    transports: [AtomicU64; Framing::ALL.len()],
    /// How long commands took, by method.
    commands: [Times; Method::ALL.len()],
    /// How long clients took to answer pings.
    pub(super) pongs: Times,
    coded: Mutex<Coded>,
}

/// What is counted by code.
#[derive(Clone, Debug, Default)]
struct Coded {
    errors: BTreeMap<(Method, Code), u64>,
    disconnects: BTreeMap<Code, u64>,
    unsubscribes: BTreeMap<Code, u64>,
}

/// A code as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// One that the protocol has.
    Known(u32),
    /// One of a plugin or of an application.
    Own,
}

/// What a command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// To be connected.
    Connect,
    /// To be subscribed.
    Subscribe,
    /// To be subscribed no more.
    Unsubscribe,
    /// To publish.
    Publish,
    /// Who is there.
    Presence,
    /// How many are there.
    PresenceStats,
    /// What was published.
    History,
    /// That a message is taken.
    Send,
    /// What a plugin answers.
    Rpc,
    /// To stay connected.
    Refresh,
    /// To stay subscribed.
    SubRefresh,
}

/// Messages of a transport that were sent or received.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    messages: AtomicU64,
    bytes: AtomicU64,
}

/// How long something took, each time.
#[derive(Debug, Default)]
pub(super) struct Times {
    classes: [AtomicU64; CLASSES.len()],
    /// What took longer than the last class.
    longer: AtomicU64,
    micros: AtomicU64,
}

/// How long something took, as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct TimesShown {
    /// Seconds in all.
    pub sum: f64,
    /// How often.
    pub count: u64,
    /// Up to how many seconds it took, and how often it took so long and longer than the class
    /// before; the last class has no end.
    pub classes: Vec<(f64, u64)>,
}

/// What was counted, as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct CountsShown {
    /// Subscriptions that there are.
    pub subscriptions: u64,
    /// Sessions that there are, by transport.
    pub transports: Vec<(&'static str, u64)>,
    /// Publications that who came back got at once.
    pub recovered_publications: u64,
    /// Frames that sessions which lag got later, because much waited for others.
    pub held_back: u64,
    /// Looks at who is subscribed for which other nodes had not said all in time.
    pub partial: u64,
    /// Messages of clients, and their bytes.
    pub received: (u64, u64),
    /// Frames to clients, and their bytes.
    pub sent: (u64, u64),
    /// How long commands took, by method.
    pub commands: Vec<(Method, TimesShown)>,
    /// How long clients took to answer pings.
    pub pongs: TimesShown,
    /// Commands that were answered with an error.
    pub errors: Vec<((Method, Code), u64)>,
    /// Sessions that the node has closed.
    pub disconnects: Vec<(Code, u64)>,
    /// Subscriptions that the node has ended.
    pub unsubscribes: Vec<(Code, u64)>,
}

impl Method {
    /// All, in the order in which they are counted.
    const ALL: [Self; 11] = [
        Self::Connect,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Publish,
        Self::Presence,
        Self::PresenceStats,
        Self::History,
        Self::Send,
        Self::Rpc,
        Self::Refresh,
        Self::SubRefresh,
    ];

    /// What a command asks for, unless it is none.
    pub(super) fn of(request: &Request) -> Option<Self> {
        Some(match request {
            Request::Connect(_) => Self::Connect,
            Request::Subscribe(_) => Self::Subscribe,
            Request::Unsubscribe(_) => Self::Unsubscribe,
            Request::Publish(_) => Self::Publish,
            Request::Presence(_) => Self::Presence,
            Request::PresenceStats(_) => Self::PresenceStats,
            Request::History(_) => Self::History,
            Request::Send(_) => Self::Send,
            Request::Rpc(_) => Self::Rpc,
            Request::Refresh(_) => Self::Refresh,
            Request::SubRefresh(_) => Self::SubRefresh,
            Request::Pong | Request::None => return None,
        })
    }

    /// As the protocol writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Publish => "publish",
            Self::Presence => "presence",
            Self::PresenceStats => "presence_stats",
            Self::History => "history",
            Self::Send => "send",
            Self::Rpc => "rpc",
            Self::Refresh => "refresh",
            Self::SubRefresh => "sub_refresh",
        }
    }
}

impl Code {
    fn of(code: u32, own: u32) -> Self {
        match code < own {
            true => Self::Known(code),
            false => Self::Own,
        }
    }
}

impl Traffic {
    /// So many messages went over the wire, of so many bytes.
    pub(super) fn add(&self, messages: usize, bytes: usize) {
        self.messages.fetch_add(messages as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn shown(&self) -> (u64, u64) {
        (read(&self.messages), read(&self.bytes))
    }
}

impl Times {
    /// It took so long.
    pub(super) fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = CLASSES.iter().position(|most| micros <= *most);
        let counted = class.map_or(&self.longer, |class| &self.classes[class]);
        counted.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn shown(&self) -> TimesShown {
        let ends = CLASSES.map(|micros| micros as f64 / 1e6);
        let classes = ends.into_iter().zip(self.classes.iter().map(read));
        let classes: Vec<_> = classes
            .chain([(f64::INFINITY, read(&self.longer))])
            .collect();
        TimesShown {
            sum: read(&self.micros) as f64 / 1e6,
            count: classes.iter().map(|(_, count)| count).sum(),
            classes,
        }
    }
}

impl Counts {
    /// A session has begun.
    pub(super) fn begun(&self, framing: Framing) {
        self.transports[framing as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A session that had begun has ended, with this code if the node ended it.
    pub(super) fn ended(&self, framing: Framing, code: Option<u32>) {
        self.transports[framing as usize].fetch_sub(1, Ordering::Relaxed);
        if let Some(code) = code {
            let code = Code::of(code, OWN_DISCONNECTS);
            self.coded(|coded| *coded.disconnects.entry(code).or_default() += 1);
        }
    }

    /// The node has ended a subscription.
    pub(super) fn unsubscribed(&self, code: u32) {
        let code = Code::of(code, OWN_DISCONNECTS);
        self.coded(|coded| *coded.unsubscribes.entry(code).or_default() += 1);
    }

    /// A command was carried out.
    pub(super) fn carried_out(&self, method: Method, took: Duration) {
        self.commands[method as usize].add(took);
    }

    /// A command was answered with an error.
    pub(super) fn failed(&self, method: Method, code: u32) {
        let code = Code::of(code, OWN_ERRORS);
        self.coded(|coded| *coded.errors.entry((method, code)).or_default() += 1);
    }

    fn coded<T>(&self, look: impl FnOnce(&mut Coded) -> T) -> T {
        // Only numbers, each of which is whole.
        look(&mut self.coded.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As it stands, with what is held back, which is counted where it is bounded.
    pub(super) fn shown(&self, held_back: u64) -> CountsShown {
        let coded = self.coded(|coded| coded.clone());
        let transports = Framing::ALL.iter().zip(&self.transports);
        let commands = Method::ALL.iter().zip(&self.commands);
        CountsShown {
            subscriptions: read(&self.subscriptions),
            transports: transports
                .map(|(framing, count)| (framing.transport(), read(count)))
                .collect(),
            recovered_publications: read(&self.recovered_publications),
            held_back,
            partial: read(&self.partial),
            received: self.received.shown(),
            sent: self.sent.shown(),
            commands: commands
                .map(|(method, times)| (*method, times.shown()))
                .collect(),
            pongs: self.pongs.shown(),
            errors: coded.errors.into_iter().collect(),
            disconnects: coded.disconnects.into_iter().collect(),
            unsubscribes: coded.unsubscribes.into_iter().collect(),
        }
    }
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_put_into_classes() {
        let times = Times::default();
        for micros in [1, 100, 101, 5_000_000, 5_000_001] {
            times.add(Duration::from_micros(micros));
        }
        let shown = times.shown();
        assert_eq!(shown.count, 5);
        assert!((shown.sum - 10.000_203).abs() < 1e-9, "{}", shown.sum);
        let counts: Vec<_> = shown.classes.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn codes_that_others_make_up_are_one() {
        let counts = Counts::default();
        counts.begun(Framing::Events);
        counts.begun(Framing::WebSocket);
        for code in [None, Some(3503), Some(4000), Some(4999)] {
            counts.begun(Framing::Events);
            counts.ended(Framing::Events, code);
        }
        for code in [103, 400, 1999] {
            counts.failed(Method::Publish, code);
        }
        counts.unsubscribed(2500);
        let shown = counts.shown(0);
        let (known, own) = (Code::Known(3503), Code::Own);
        assert_eq!(shown.disconnects, [(known, 1), (own, 2)]);
        let of = |code, count| ((Method::Publish, code), count);
        assert_eq!(shown.errors, [of(Code::Known(103), 1), of(own, 2)]);
        assert_eq!(shown.unsubscribes, [(Code::Known(2500), 1)]);
        let transports = shown.transports.into_iter();
        let there: Vec<_> = transports.filter(|(_, count)| *count > 0).collect();
        assert_eq!(there, [("websocket", 1), ("sse", 1)]);
    }

    #[test]
    fn each_method_has_a_place_of_its_own() {
        for (at, method) in Method::ALL.into_iter().enumerate() {
            assert_eq!(method as usize, at, "{}", method.as_str());
        }
        for (at, framing) in Framing::ALL.into_iter().enumerate() {
            assert_eq!(framing as usize, at, "{}", framing.transport());
        }
    }
}
