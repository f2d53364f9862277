//! What somebody may.

use hearken_pattern::Glob;
use serde::{Serialize, Serializer};

use super::act::Act;
use super::settings::Role;
use crate::event::Pattern;

/// What several roles allow together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rights {
    #[serde(serialize_with = "texts")]
    publish: Vec<Pattern>,
    #[serde(serialize_with = "texts")]
    listen: Vec<Pattern>,
    #[serde(serialize_with = "names")]
    append: Vec<Glob>,
    #[serde(serialize_with = "names")]
    read: Vec<Glob>,
    observe: bool,
    operate: bool,
}

impl Rights {
    /// The rights to everything.
    #[must_use]
    pub fn all() -> Self {
        Self::of([&Role::admin()])
    }

    /// The rights to all events and to all that is in channels.
    pub(super) fn to_channels() -> Self {
        Self {
            observe: false,
            operate: false,
            ..Self::all()
        }
    }

    /// What `roles` allow together.
    pub(super) fn of<'r>(roles: impl IntoIterator<Item = &'r Role>) -> Self {
        let mut rights = Self::default();
        for role in roles {
            add(&mut rights.publish, &role.publish);
            add(&mut rights.listen, &role.listen);
            add(&mut rights.append, &role.append);
            add(&mut rights.read, &role.read);
            rights.observe |= role.observe.is_some();
            rights.operate |= role.operate.is_some();
        }
        rights
    }

    /// Whether the act is allowed.
    #[must_use]
    pub fn allow(&self, act: &Act<'_>) -> bool {
        match act {
            Act::Publish(event_type) => self.publish.iter().any(|own| own.matches(event_type)),
            Act::Listen(pattern) => within(pattern, &self.listen),
            Act::Append(channel) => self.append.iter().any(|own| own.matches(channel)),
            // A `*` in what is asked for is matched by a `*` alone: see `Glob::covers`.
            Act::Read(channels) => self.read.iter().any(|own| own.matches(channels)),
            Act::Observe => self.observe,
            Act::Operate => self.operate,
        }
    }

    /// Whether these allow all that `others` allow.
    pub(super) fn cover(&self, others: &Self) -> bool {
        let named = |own: &[Glob], others: &[Glob]| {
            let covered = |other: &Glob| own.iter().any(|own| own.covers(other));
            others.iter().all(covered)
        };
        others
            .publish
            .iter()
            .all(|other| within(other, &self.publish))
            && others
                .listen
                .iter()
                .all(|other| within(other, &self.listen))
            && named(&self.append, &others.append)
            && named(&self.read, &others.read)
            && (self.observe || !others.observe)
            && (self.operate || !others.operate)
    }
}

/// Whether each alternative of a pattern lies within one of `patterns`.
pub(super) fn within(pattern: &Pattern, patterns: &[Pattern]) -> bool {
    let covered = |glob: &Glob| {
        let globs = patterns.iter().flat_map(Pattern::globs);
        globs.into_iter().any(|own| own.covers(glob))
    };
    pattern.globs().iter().all(covered)
}

fn add<T: Clone + PartialEq>(all: &mut Vec<T>, more: &[super::settings::Granted<T>]) {
    for granted in more {
        if !all.contains(&granted.value) {
            all.push(granted.value.clone());
        }
    }
}

fn texts<S: Serializer>(patterns: &[Pattern], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(patterns.iter().map(Pattern::as_str))
}

fn names<S: Serializer>(globs: &[Glob], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(globs.iter().map(Glob::as_str))
}
