//! From the events that the host delivers to the listeners that the macros found.

use std::fmt::Display;
use std::sync::LazyLock;

use hearken_pattern::Pattern;
use serde::de::DeserializeOwned;

use crate::Event;

/// One listener as a macro registers it.
#[derive(Debug)]
pub struct Listener {
    /// The function's name, or `Type::method`.
    pub name: &'static str,
    /// Valid patterns, at least one.
    pub patterns: &'static [&'static str],
    /// Only events with exactly this subject.
    pub subject: Option<&'static str>,
    /// Only events of this channel.
    pub channel: Option<&'static str>,
    /// Only events published on this node.
    pub local_only: bool,
    /// Version of the crate that has the listener.
    pub version: &'static str,
    /// File, line and position in the same `impl` block: gives the listeners an order.
    pub place: (&'static str, u32, usize),
    /// Calls the author's function.
    pub handle: fn(&Event) -> Result<(), String>,
}

inventory::collect!(Listener);

/// A listener with its patterns compiled.
struct Ready {
    listener: &'static Listener,
    patterns: Vec<Pattern>,
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
        })
        .collect();
    listeners.sort_by_key(|ready| (ready.listener.place, ready.listener.name));
    listeners
});

impl Ready {
    /// Whether the filter matches `event`, whose type is `event_type`.
    fn matches(&self, event: &Event, event_type: &str) -> bool {
        let listener = self.listener;
        (!listener.local_only || event.is_local())
            && (listener.subject.is_none() || listener.subject == event.subject())
            && (listener.channel.is_none() || listener.channel == event.channel())
            && self
                .patterns
                .iter()
                .any(|pattern| pattern.matches(event_type))
    }
}

/// The listeners of this plugin in the order of their source.
pub(crate) fn listeners() -> impl Iterator<Item = &'static Listener> {
    LISTENERS.iter().map(|ready| ready.listener)
}

/// Version of the plugin's crate.
pub(crate) fn version() -> &'static str {
    listeners()
        .next()
        .map_or("0.0.0", |listener| listener.version)
}

/// Calls every listener whose filter matches. An event that matches none came
/// because the operator gave the plugin other patterns, so it goes to all.
pub(crate) fn dispatch(event: &Event) -> Result<(), String> {
    let mut errors = Vec::new();
    let mut call = |listener: &Listener| {
        if let Err(error) = (listener.handle)(event) {
            errors.push(format!("{}: {error}", listener.name));
        }
    };
    let mut declared = false;
    let event_type = event.event_type();
    for ready in LISTENERS.iter() {
        if ready.matches(event, event_type) {
            declared = true;
            call(ready.listener);
        }
    }
    if !declared {
        listeners().for_each(call);
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.join("; "))
    }
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
    /// The error as text.
    ///
    /// # Errors
    /// The listener's own error.
    fn outcome(self) -> Result<(), String>;
}

impl Outcome for () {
    fn outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn outcome(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// The event as the listener takes it.
pub fn event<'a, A: EventArgument<'a>>(event: &'a Event) -> A {
    A::from_event(event)
}

/// The event's data as the listener takes it.
///
/// # Errors
/// What does not fit.
pub fn data<T: DeserializeOwned>(event: &Event) -> Result<T, String> {
    event.json().map_err(|error| error.to_string())
}
