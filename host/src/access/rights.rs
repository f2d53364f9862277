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

/// What another node says that somebody may.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToldRights<'t> {
    /// Patterns on types.
    pub publish: &'t [String],
    /// Names of channels.
    pub append: &'t [String],
    /// Names of channels.
    pub read: &'t [String],
    /// To see what there is.
    pub observe: bool,
    /// To command it.
    pub operate: bool,
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

    /// What another node says of somebody, whose request it passes on: patterns of what they
    /// may publish, and names of channels. `None` if it is not said as it must be.
    #[must_use]
    pub fn told(told: ToldRights<'_>) -> Option<Self> {
        let exact = |names: &[String]| {
            let glob = |name: &String| (!name.contains('*')).then(|| Glob::new(name.clone()));
            names.iter().map(glob).collect::<Option<Vec<_>>>()
        };
        let patterns = told.publish.iter().map(|text| Pattern::new(text).ok());
        Some(Self {
            publish: patterns.collect::<Option<_>>()?,
            listen: Vec::new(),
            append: exact(told.append)?,
            read: exact(told.read)?,
            observe: told.observe,
            operate: told.operate,
        })
    }

    /// Patterns on the types that may be published.
    pub fn publish(&self) -> impl Iterator<Item = &str> {
        self.publish.iter().map(Pattern::as_str)
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

    /// Whether events of any type may be heard.
    #[must_use]
    pub fn may_hear_any(&self) -> bool {
        !self.listen.is_empty()
    }

    /// Whether events of this type may be heard.
    #[must_use]
    pub fn may_hear(&self, event_type: &str) -> bool {
        self.listen.iter().any(|own| own.matches(event_type))
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
