use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::access::ToldRights;
use crate::event::Pattern;
use crate::session::namespace::AllowedFor;

const CHANNEL: &str = "chat:42";

/// All that decides, as switches.
#[derive(Clone, Debug)]
struct Facts {
    verb: Verb,
    is_private: bool,
    users: Option<Vec<&'static str>>,
    user: &'static str,
    has_token: bool,
    allowed_by_token: bool,
    in_caps: bool,
    may_append: bool,
    may_read: bool,
    is_subscribed: bool,
    has_history: bool,
    has_presence: bool,
    user_limited: bool,
    authorize: bool,
    hooks: bool,
    allowed: AllowedFor,
}

impl Facts {
    /// Nothing allows anything.
    fn none(verb: Verb) -> Self {
        Self {
            verb,
            is_private: false,
            users: None,
            user: "42",
            has_token: false,
            allowed_by_token: false,
            in_caps: false,
            may_append: false,
            may_read: false,
            is_subscribed: false,
            has_history: true,
            has_presence: true,
            user_limited: true,
            authorize: false,
            hooks: false,
            allowed: AllowedFor::default(),
        }
    }

    fn name(&self) -> ChannelName {
        let private = if self.is_private { "$" } else { "" };
        let users = self.users.as_ref();
        let users = users.map(|users| format!("#{}", users.join(",")));
        let text = format!("{private}{CHANNEL}{}", users.unwrap_or_default());
        ChannelName::new(&text).expect("a name")
    }

    fn namespace(&self) -> Namespace {
        let allowed = |verb| match self.verb == verb {
            true => self.allowed,
            false => AllowedFor::default(),
        };
        let history = if self.has_history { 10 } else { 0 };
        Namespace {
            presence: self.has_presence,
            history_size: history,
            history_ttl: Duration::from_secs(60),
            allow_user_limited_channels: self.user_limited,
            subscribe: allowed(Verb::Subscribe),
            publish: allowed(Verb::Publish),
            history: allowed(Verb::History),
            see_presence: allowed(Verb::Presence),
            authorize: self.authorize.then(|| "judge".to_owned()),
            hooks: self.hooks.then(|| "hook".to_owned()),
            ..Namespace::new("chat")
        }
    }

    fn capabilities(&self) -> Capabilities {
        let allow = match self.in_caps {
            true => vec![self.verb.word()],
            false => vec![],
        };
        let caps = json!([{ "channels": [self.name().as_str()], "allow": allow }]);
        Capabilities::read(&caps).expect("the claim's form")
    }

    fn rights(&self) -> Rights {
        let name = [self.name().to_string()];
        let if_may = |may| if may { &name[..] } else { &[] };
        let told = ToldRights {
            append: if_may(self.may_append),
            read: if_may(self.may_read),
            ..ToldRights::default()
        };
        Rights::told(told).expect("names without `*`")
    }

    /// What is decided, in a word.
    fn decided(&self) -> String {
        let resolved = Resolved::Namespace(Arc::new(self.namespace()));
        let allow = self.allowed_by_token.then_some(self.verb);
        let asked = Asked {
            verb: self.verb,
            name: &self.name(),
            resolved: &resolved,
            user: self.user,
            has_token: self.has_token,
            allow: allow.into_iter().collect(),
            capabilities: &self.capabilities(),
            rights: &self.rights(),
            is_subscribed: self.is_subscribed,
        };
        told(&decide(&asked))
    }

    /// The same by the table as the documentation has it: rows from the first to the last.
    fn by_the_table(&self) -> String {
        let is_limited = self.user_limited && self.users.is_some();
        let is_named = self.users.iter().flatten().any(|user| *user == self.user);
        let is_named = is_named && !self.user.is_empty();
        let allowed = self.allowed.client || self.allowed.subscriber && self.is_subscribed;
        let allowed = allowed && (!self.user.is_empty() || self.allowed.anonymous);
        let rows: Vec<(bool, &str)> = match self.verb {
            Verb::Subscribe => vec![
                (self.is_private && !self.has_token, "denied"),
                (self.has_token, "allowed"),
                (is_limited && is_named, "allowed"),
                (is_limited && !is_named, "denied"),
                (self.authorize, "judge decides"),
                (self.in_caps, "allowed"),
                (self.may_read, "allowed"),
                (allowed, "allowed"),
                (true, "denied"),
            ],
            Verb::Publish => vec![
                (self.allowed_by_token, "allowed"),
                (self.authorize, "judge decides"),
                (self.in_caps, "allowed"),
                (self.may_append, "allowed"),
                (allowed, "allowed"),
                (true, "denied"),
            ],
            Verb::History | Verb::Presence => {
                let has = match self.verb {
                    Verb::History => self.has_history,
                    _ => self.has_presence,
                };
                vec![
                    (!has, "not available"),
                    (self.allowed_by_token, "allowed"),
                    (self.in_caps, "allowed"),
                    (self.may_read, "allowed"),
                    (allowed, "allowed"),
                    (true, "denied"),
                ]
            }
        };
        let (_, row) = rows
            .into_iter()
            .find(|(fits, _)| *fits)
            .expect("the last fits");
        let has_hooks = self.hooks && matches!(self.verb, Verb::Subscribe | Verb::Publish);
        match row {
            "allowed" | "judge decides" if has_hooks => format!("{row}, hook may narrow"),
            row => row.to_owned(),
        }
    }
}

fn told(decision: &Decision<'_>) -> String {
    let narrowing = |hooks: &Option<&str>| match hooks {
        Some(plugin) => format!(", {plugin} may narrow"),
        None => String::new(),
    };
    match decision {
        Decision::Allow { hooks } => format!("allowed{}", narrowing(hooks)),
        Decision::Ask { plugin, hooks } => format!("{plugin} decides{}", narrowing(hooks)),
        Decision::Deny(Denial::PermissionDenied) => "denied".to_owned(),
        Decision::Deny(denial) => denial.to_string(),
    }
}

fn facts() -> impl Strategy<Value = Facts> {
    let verb = proptest::sample::select(Verb::ALL.to_vec());
    let users = proptest::sample::select(vec![
        None,
        Some(vec!["42"]),
        Some(vec!["41", "42"]),
        Some(vec!["43"]),
        Some(vec![]),
    ]);
    let user = proptest::sample::select(vec!["42", ""]);
    let allowed = any::<[bool; 3]>();
    // Rows further below are reached when those above rarely fit.
    let rare = proptest::collection::vec(proptest::bool::weighted(0.25), 12);
    (verb, users, user, allowed, rare).prop_map(|(verb, users, user, allowed, rare)| {
        let [client, subscriber, anonymous] = allowed;
        Facts {
            verb,
            is_private: rare[0],
            users: users.filter(|_| rare[1] || rare[2]),
            user,
            has_token: rare[3],
            allowed_by_token: rare[4],
            in_caps: rare[5],
            may_append: rare[6],
            may_read: rare[7],
            is_subscribed: rare[8] || rare[0],
            has_history: !rare[9],
            has_presence: !rare[9],
            user_limited: !rare[10],
            authorize: rare[11],
            hooks: rare[2],
            // There is no way to subscribe for who is subscribed.
            allowed: AllowedFor {
                client: client && rare[8],
                subscriber: subscriber && verb != Verb::Subscribe,
                anonymous,
            },
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_first_row_that_fits_decides(facts in facts()) {
        prop_assert_eq!(facts.decided(), facts.by_the_table());
    }
}

#[test]
fn each_row_of_the_table_decides_alone() {
    let with = |verb, change: fn(&mut Facts)| {
        let mut facts = Facts::none(verb);
        change(&mut facts);
        facts.decided()
    };
    for verb in Verb::ALL {
        assert_eq!(with(verb, |_| {}), "denied", "{verb:?}");
        assert_eq!(with(verb, |f| f.in_caps = true), "allowed", "{verb:?}");
        assert_eq!(with(verb, |f| f.allowed.client = true), "allowed");
        let reads = if verb == Verb::Publish {
            "denied"
        } else {
            "allowed"
        };
        assert_eq!(with(verb, |f| f.may_read = true), reads, "{verb:?}");
        let appends = if verb == Verb::Publish {
            "allowed"
        } else {
            "denied"
        };
        assert_eq!(with(verb, |f| f.may_append = true), appends, "{verb:?}");
        let by_token = if verb == Verb::Subscribe {
            "denied"
        } else {
            "allowed"
        };
        assert_eq!(with(verb, |f| f.allowed_by_token = true), by_token);
    }
    let subscribe = |change: fn(&mut Facts)| with(Verb::Subscribe, change);
    assert_eq!(
        subscribe(|f| (f.is_private, f.in_caps, f.may_read) = (true, true, true)),
        "denied"
    );
    assert_eq!(
        subscribe(|f| (f.is_private, f.has_token) = (true, true)),
        "allowed"
    );
    assert_eq!(subscribe(|f| f.users = Some(vec!["41", "42"])), "allowed");
    assert_eq!(
        subscribe(|f| (f.users, f.may_read, f.authorize) = (Some(vec!["43"]), true, true)),
        "denied"
    );
    assert_eq!(
        subscribe(|f| (f.users, f.user_limited, f.may_read) = (Some(vec!["43"]), false, true)),
        "allowed",
        "where the option is off, the character means nothing"
    );
    assert_eq!(
        subscribe(|f| (f.authorize, f.in_caps, f.hooks) = (true, true, true)),
        "judge decides, hook may narrow"
    );
    assert_eq!(
        with(Verb::Publish, |f| {
            (f.allowed.subscriber, f.is_subscribed) = (true, true);
        }),
        "allowed"
    );
    assert_eq!(
        with(Verb::History, |f| (f.has_history, f.in_caps) =
            (false, true)),
        "not available"
    );
    assert_eq!(
        with(Verb::Presence, |f| (f.has_presence, f.in_caps) =
            (false, true)),
        "not available"
    );
}

/// What is decided for each verb on a channel of no namespace.
fn on(resolved: &Resolved<'_>, rights: &Rights, has_token: bool) -> Vec<String> {
    let name = ChannelName::new("orders").unwrap();
    let decided = |verb| {
        let asked = Asked {
            verb,
            name: &name,
            resolved,
            user: "42",
            has_token,
            allow: Verbs::default(),
            capabilities: &Capabilities::default(),
            rights,
            is_subscribed: false,
        };
        told(&decide(&asked))
    };
    Verb::ALL.into_iter().map(decided).collect()
}

#[test]
fn declared_durable_channels_go_by_rights_and_tokens() {
    let none = Rights::default();
    let orders = ["orders".to_owned()];
    let reads = ToldRights {
        read: &orders,
        append: &orders,
        ..ToldRights::default()
    };
    let types = ["custom.channel.*".to_owned()];
    let publishes = ToldRights {
        publish: &types,
        ..reads
    };
    let (reads, publishes) = (
        Rights::told(reads).unwrap(),
        Rights::told(publishes).unwrap(),
    );
    let (denied, allowed) = ("denied", "allowed");
    let on = |rights, has_token| on(&Resolved::Durable, rights, has_token);
    assert_eq!(on(&none, false), [denied, denied, denied, "not available"]);
    assert_eq!(on(&none, true), [allowed, denied, denied, "not available"]);
    assert_eq!(
        on(&reads, false),
        [allowed, denied, allowed, "not available"]
    );
    assert_eq!(
        on(&publishes, false),
        [allowed, allowed, allowed, "not available"]
    );
}

#[test]
fn what_happens_is_watched_by_who_hears_anything() {
    let events = Resolved::Events(Pattern::new("custom.*").unwrap());
    for watched in [Resolved::Subject("ORDER-7"), events] {
        let none = on(&watched, &Rights::default(), true);
        assert_eq!(none, ["denied", "denied", "not available", "not available"]);
        let all = on(&watched, &Rights::all(), false);
        assert_eq!(all, ["allowed", "denied", "not available", "not available"]);
    }
}

#[test]
fn names_of_nothing_are_unknown_and_wrong_ones_are_told() {
    let all = Rights::all();
    assert_eq!(on(&Resolved::Unknown, &all, true), ["unknown channel"; 4]);
    let wrong = Resolved::NoPattern(Pattern::new("").unwrap_err());
    for told in on(&wrong, &all, true) {
        assert!(
            told.starts_with("bad request: the pattern is empty"),
            "{told}"
        );
    }
    let numbers = Namespace {
        channel_regex: Some(crate::session::channel_regex::ChannelRegex::new("^[0-9]+$").unwrap()),
        ..Namespace::new("default")
    };
    for told in on(&Resolved::Namespace(Arc::new(numbers)), &all, true) {
        assert!(told.contains("`channel_regex`"), "{told}");
    }
}
