//! What the text has registered while it was evaluated.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use hearken_pattern::Pattern;
use rquickjs::{Function, Persistent};

/// Which deliveries a listener is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Events as they are published.
    Live,
    /// Those of the listener's channel, beginning there.
    Channel(Option<StartingPoint>),
}

/// Where a listener begins in a channel in which the plugin has no place yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartingPoint {
    /// With the first event that is kept.
    First,
    /// With the first event from then on.
    New,
    /// Behind the event of this number.
    After(u64),
}

/// A function that is called with events.
pub(crate) struct Listener {
    /// The function's, or where it was registered.
    pub name: String,
    /// As they were written, and compiled; at least one.
    pub patterns: Vec<(String, Pattern)>,
    pub subject: Option<String>,
    pub channel: Option<String>,
    pub delivery: Delivery,
    pub local_only: bool,
    pub handler: Persistent<Function<'static>>,
}

/// What sessions may ask, by the names that the text has for it.
pub(crate) const QUESTIONS: [&str; 6] = [
    "connect",
    "refresh",
    "subscribe",
    "subRefresh",
    "publish",
    "rpc",
];

/// What answers sessions.
#[derive(Default)]
pub(crate) struct Hooks {
    /// Empty for all.
    pub namespaces: Vec<String>,
    /// In the order of [`QUESTIONS`].
    pub answers: [Option<Persistent<Function<'static>>>; QUESTIONS.len()],
}

/// Patterns of all listeners; the node loads no plugin that declares more.
const MAX_PATTERNS: usize = 256;

thread_local! {
    static LISTENERS: RefCell<Vec<Rc<Listener>>> = RefCell::default();
    static HOOKS: RefCell<Option<Rc<Hooks>>> = RefCell::default();
    static VERSION: RefCell<String> = RefCell::default();
    static EVALUATED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the text has been evaluated: nothing can be registered any more, and from now on
/// events can be sent.
pub(crate) fn is_evaluated() -> bool {
    EVALUATED.get()
}

/// Nothing is registered from now on.
pub(crate) fn close(version: String) {
    VERSION.set(version);
    EVALUATED.set(true);
}

/// What the text says that it is.
pub(crate) fn version() -> String {
    VERSION.with_borrow(String::clone)
}

/// All listeners, in the order in which they were registered.
pub(crate) fn listeners() -> Vec<Rc<Listener>> {
    LISTENERS.with_borrow(Vec::clone)
}

/// What answers sessions, if anything does.
pub(crate) fn hooks() -> Option<Rc<Hooks>> {
    HOOKS.with_borrow(Option::clone)
}

/// Adds a listener.
///
/// # Errors
/// Says why it cannot be told apart from another, or that there are too many.
pub(crate) fn add(listener: Listener) -> Result<(), String> {
    LISTENERS.with_borrow_mut(|listeners| {
        let patterns = |sum: usize, patterns: &[(String, Pattern)]| sum + patterns.len();
        let there = listeners
            .iter()
            .fold(0, |sum, other| patterns(sum, &other.patterns));
        if patterns(there, &listener.patterns) > MAX_PATTERNS {
            return Err(format!(
                "listen: a plugin may declare {MAX_PATTERNS} listeners"
            ));
        }
        let is_taken = listener.delivery != Delivery::Live
            && listeners.iter().any(|other| {
                other.delivery != Delivery::Live
                    && (&other.channel, &other.name) == (&listener.channel, &listener.name)
            });
        if is_taken {
            return Err(format!(
                "two listeners on the channel `{}` are called `{}`, by which what they append \
                 cannot be told apart; name one of the functions otherwise",
                listener.channel.as_deref().unwrap_or_default(),
                listener.name
            ));
        }
        listeners.push(Rc::new(listener));
        Ok(())
    })
}

/// Sets what answers sessions.
///
/// # Errors
/// When something already does.
pub(crate) fn set_hooks(hooks: Hooks) -> Result<(), String> {
    HOOKS.with_borrow_mut(|set| match set {
        Some(_) => {
            Err("a plugin calls sessionHooks once; name several namespaces in an array".to_owned())
        }
        None => {
            *set = Some(Rc::new(hooks));
            Ok(())
        }
    })
}
