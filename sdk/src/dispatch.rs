//! From the events that the host delivers to the listeners that the macros found.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt::Display;
use std::sync::LazyLock;

use hearken_pattern::{Pattern, wants_channel};
use serde::de::DeserializeOwned;

use crate::attempts::Attempts;
use crate::failure::Failure;
use crate::{Event, hooks, host};

/// Which deliveries a listener is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Events as they are published.
    Live,
    /// Those of the listener's channel, beginning there.
    Channel(Option<StartingPoint>),
}

/// Where a listener begins in a channel in which the plugin has no place yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartingPoint {
    /// With the first event that is kept.
    First,
    /// With the first event from then on.
    New,
    /// Behind the event of this number.
    After(u64),
}

/// One listener as a macro registers it.
#[derive(Debug)]
pub struct Listener {
    /// The function's name, or `Type::method`.
    pub name: &'static str,
    /// Valid patterns, at least one.
    pub patterns: &'static [&'static str],
    /// Only events with exactly this subject.
    pub subject: Option<&'static str>,
    /// Only events of this channel; with `*` in it, of the channels that it matches.
    pub channel: Option<&'static str>,
    /// As what the host delivers them.
    pub delivery: Delivery,
    /// Only events published on this node.
    pub local_only: bool,
    /// Version of the crate that has the listener.
    pub version: &'static str,
    /// File, line and position in the same `impl` block: gives the listeners an order.
    pub place: (&'static str, u32, usize),
    /// Calls the author's function.
    pub handle: fn(&Event) -> Result<(), Failure>,
}

inventory::collect!(Listener);

/// A listener with its patterns compiled.
struct Ready {
    listener: &'static Listener,
    patterns: Vec<Pattern>,
    /// Its place among all.
    at: usize,
}

thread_local! {
    /// Of this instance, which has one thread.
    static ATTEMPTS: RefCell<Attempts> = RefCell::default();
    /// The listener that handles a channel's event, until it appends something.
    static PART: Cell<Option<&'static str>> = const { Cell::new(None) };
}

static LISTENERS: LazyLock<Vec<Ready>> = LazyLock::new(|| {
    let mut listeners: Vec<Ready> = inventory::iter::<Listener>
        .into_iter()
        .map(|listener| Ready {
            listener,
            patterns: listener
                .patterns
                .iter()
                .map(|source| Pattern::new(source).expect("the macro checked the pattern"))
                .collect(),
            at: 0,
        })
        .collect();
    listeners.sort_by_key(|ready| (ready.listener.place, ready.listener.name));
    for (at, ready) in listeners.iter_mut().enumerate() {
        ready.at = at;
    }
    listeners
});

impl Ready {
    fn is_live(&self) -> bool {
        self.listener.delivery == Delivery::Live
    }

    /// Whether the events of this channel come to it by the channel.
    fn consumes(&self, channel: Option<&str>) -> bool {
        !self.is_live() && channel.is_some() && self.listener.channel == channel
    }

    /// Whether the filter wants events of this type.
    fn listens_to(&self, event_type: &str) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|pattern| pattern.matches(event_type))
    }

    /// Whether the filter wants `event`, if it wants its type.
    fn wants(&self, event: &Event) -> bool {
        let listener = self.listener;
        (!listener.local_only || event.is_local())
            && (listener.subject.is_none() || listener.subject == event.subject())
            && listener.channel.is_none_or(|wanted| {
                let mut channel = event.channel().into_iter();
                channel.any(|channel| wants_channel(wanted, channel))
            })
    }
}

/// The listeners of this plugin in the order of their source.
pub(crate) fn listeners() -> impl Iterator<Item = &'static Listener> {
    LISTENERS.iter().map(|ready| ready.listener)
}

/// Checks that no two listeners on one channel have the same name, by which are told apart
/// the ids of what they append.
///
/// # Errors
/// Says which have.
pub(crate) fn check_names<'a>(
    listeners: impl IntoIterator<Item = &'a Listener>,
) -> Result<(), String> {
    let mut seen = HashSet::new();
    for listener in listeners {
        let (Delivery::Channel(_), Some(channel)) = (listener.delivery, listener.channel) else {
            continue;
        };
        if !seen.insert((channel, listener.name)) {
            return Err(format!(
                "two listeners on the channel `{channel}` are called `{}`, by which what they \
                 append cannot be told apart; rename one of them",
                listener.name
            ));
        }
    }
    Ok(())
}

/// Version of the plugin's crate.
pub(crate) fn version() -> &'static str {
    let first = listeners().next();
    first.map_or_else(|| hooks::registered().version, |listener| listener.version)
}

/// Hands events to listeners. Remembers which listeners want the last event's type,
/// since that of the next one is the same more often than not.
#[derive(Default)]
pub(crate) struct Dispatcher {
    event_type: String,
    wanting: Vec<&'static Ready>,
}

impl Dispatcher {
    /// Calls every listener that the delivery is meant for and whose filter matches. An
    /// event that matches none came because the operator gave the plugin other patterns, so
    /// it goes to all that the delivery is meant for.
    pub fn dispatch(&mut self, event: &Event) -> Result<(), Failure> {
        if !event.is_live() {
            return consume(event);
        }
        self.look_up(event.event_type());
        let mut failures = Vec::new();
        let mut call = |listener: &Listener| {
            if let Err(failure) = (listener.handle)(event) {
                failures.push((listener.name, failure));
            }
        };
        let mut declared = false;
        for ready in &self.wanting {
            if ready.wants(event) {
                declared = true;
                call(ready.listener);
            }
        }
        if !declared {
            let live = LISTENERS.iter().filter(|ready| ready.is_live());
            live.for_each(|ready| call(ready.listener));
        }
        if failures.is_empty() {
            Ok(())
        } else {
            Err(Failure::all(&failures))
        }
    }

    fn look_up(&mut self, event_type: &str) {
        if !same(&self.event_type, event_type) {
            event_type.clone_into(&mut self.event_type);
            self.wanting.clear();
            let wanting = LISTENERS
                .iter()
                .filter(|ready| ready.is_live() && ready.listens_to(event_type));
            self.wanting.extend(wanting);
        }
    }
}

/// Hands an event that its channel delivers to the listeners on that channel whose filters
/// match; to none if it was asked for by a version before this one. One that is done with it,
/// because it has handled or rejected it at an attempt before, is not called again.
fn consume(event: &Event) -> Result<(), Failure> {
    let meant = LISTENERS.iter().filter(|ready| {
        ready.consumes(event.channel())
            && ready.listens_to(event.event_type())
            && ready.wants(event)
    });
    let mut done = ATTEMPTS.with_borrow_mut(|attempts| attempts.take(event));
    let mut failures = Vec::new();
    for ready in meant {
        let (name, at) = (ready.listener.name, ready.at);
        if let Some((_, rejected)) = done.iter().find(|(done, _)| *done == at) {
            failures.extend(rejected.clone().map(|failure| (name, failure)));
            continue;
        }
        PART.set(Some(name));
        let handled = (ready.listener.handle)(event);
        PART.set(None);
        match &handled {
            Err(failure) if !failure.rejected => {}
            handled => done.push((at, handled.clone().err())),
        }
        failures.extend(handled.err().map(|failure| (name, failure)));
    }
    if failures.is_empty() {
        return Ok(());
    }
    let failure = Failure::all(&failures);
    if !failure.rejected {
        ATTEMPTS.with_borrow_mut(|attempts| attempts.keep(event, done));
    }
    Err(failure)
}

/// What a listener appends is counted for it: to be called before. The host is told at the
/// first of them, since most listeners append nothing.
pub(crate) fn begin_part() {
    if let Some(name) = PART.take() {
        host::begin_part(name);
    }
}

/// Equality, eight bytes at a time: within a component `==` compares byte by byte.
fn same(a: &str, b: &str) -> bool {
    let (a_words, a_rest) = a.as_bytes().as_chunks::<8>();
    let (b_words, b_rest) = b.as_bytes().as_chunks::<8>();
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    a.len() == b.len()
        && a_words.iter().zip(b_words).all(|(a, b)| word(a) == word(b))
        && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}

/// The first parameter of a listener.
#[diagnostic::on_unimplemented(
    message = "the first parameter of a listener is the event, not `{Self}`",
    label = "write `event: Event` or `event: &Event`",
    note = "the event's data goes into a second parameter: `fn on_added(event: Event, data: Added)`"
)]
pub trait EventArgument<'a> {
    /// The event in the form that the listener takes.
    fn from_event(event: &'a Event) -> Self;
}

impl EventArgument<'_> for Event {
    fn from_event(event: &Event) -> Self {
        event.clone()
    }
}

impl<'a> EventArgument<'a> for &'a Event {
    fn from_event(event: &'a Event) -> Self {
        event
    }
}

/// What a listener may return.
#[diagnostic::on_unimplemented(
    message = "a listener cannot return `{Self}`",
    label = "return nothing, or `Result<(), E>` where `E` can be displayed"
)]
pub trait Outcome {
    /// The error as the host is told it.
    ///
    /// # Errors
    /// The listener's own error.
    fn outcome(self) -> Result<(), Failure>;
}

impl Outcome for () {
    fn outcome(self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<E: Display + 'static> Outcome for Result<(), E> {
    fn outcome(self) -> Result<(), Failure> {
        self.map_err(|error| Failure::of(&error))
    }
}

/// The event as the listener takes it.
pub fn event<'a, A: EventArgument<'a>>(event: &'a Event) -> A {
    A::from_event(event)
}

/// The event's data as the listener takes it.
///
/// # Errors
/// What does not fit, nor ever will.
pub fn data<T: DeserializeOwned>(event: &Event) -> Result<T, Failure> {
    event.json().map_err(|error| Failure {
        reason: error.to_string(),
        rejected: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_channel_each_listener_has_a_name_of_its_own() {
        let listener = |name, channel, delivery| Listener {
            name,
            patterns: &["*"],
            subject: None,
            channel: Some(channel),
            delivery,
            local_only: false,
            version: "0.0.0",
            place: ("a.rs", 1, 0),
            handle: |_| Ok(()),
        };
        let on = |name, channel| listener(name, channel, Delivery::Channel(None));
        let fine = [
            on("a", "orders"),
            on("b", "orders"),
            on("a", "bills"),
            listener("a", "orders", Delivery::Live),
            listener("a", "orders", Delivery::Live),
        ];
        assert_eq!(check_names(&fine), Ok(()));
        let why = check_names(&[on("a", "orders"), on("a", "orders")]).unwrap_err();
        assert!(why.contains("`orders` are called `a`"), "{why}");
    }

    #[test]
    fn texts_are_the_same_only_if_they_are() {
        for (a, b, expected) in [
            ("", "", true),
            ("custom.a", "custom.a", true),
            ("custom.bench.count", "custom.bench.count", true),
            ("custom.bench.count", "custom.bench.counu", false),
            ("custom.bench.count", "custom.bench.coun", false),
            ("custom.b", "custom.c", false),
            ("custom.b", "", false),
        ] {
            assert_eq!(same(a, b), expected, "{a:?} and {b:?}");
        }
    }
}
