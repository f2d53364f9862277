use super::*;

#[test]
fn what_clients_publish_is_named_after_the_namespace() {
    assert_eq!(Namespace::new("chat").event_type, "custom.chat.published");
    assert_eq!(
        Namespace::new(DEFAULT_NAMESPACE).event_type,
        "custom.channel.published"
    );
}

#[test]
fn a_history_needs_a_size_and_a_time() {
    let with = |history_size, seconds| Namespace {
        history_size,
        history_ttl: Duration::from_secs(seconds),
        ..Namespace::new("chat")
    };
    for (namespace, is_kept) in [
        (with(0, 0), false),
        (with(10, 0), false),
        (with(0, 60), false),
        (with(10, 60), true),
    ] {
        assert_eq!(namespace.history_in_memory().is_some(), is_kept);
        assert_eq!(namespace.has_history(), is_kept);
        assert_eq!(namespace.durable_settings(), None);
    }
    let durable = Namespace {
        durable: true,
        ..with(10, 60)
    };
    assert_eq!(durable.history_in_memory(), None);
    assert!(durable.has_history());
    let log = durable.durable_settings().unwrap().log;
    assert_eq!(log.max_events, Some(10));
    assert_eq!(log.max_age, Some(Duration::from_secs(60)));
    let unbounded = Namespace {
        durable: true,
        ..with(0, 0)
    };
    let log = unbounded.durable_settings().unwrap().log;
    assert_eq!((log.max_events, log.max_age), (None, None));
}

#[test]
fn a_name_has_to_match_behind_the_namespace() {
    let name = |text| ChannelName::new(text).unwrap();
    let numbers = Namespace {
        channel_regex: Some(ChannelRegex::new(r"^\d+$").unwrap()),
        ..Namespace::new("chat")
    };
    assert_eq!(numbers.check_name(&name("chat:42")), Ok(()));
    assert_eq!(numbers.check_name(&name("$chat:42")), Ok(()));
    assert_eq!(
        numbers.check_name(&name("chat:x")),
        Err(NameRefused::NoMatch)
    );
    let durable = Namespace {
        durable: true,
        ..Namespace::new("chat")
    };
    assert_eq!(durable.check_name(&name("chat:a/b.c-d_e")), Ok(()));
    for other in ["$chat:a", "chat:#42", "chat:a@b"] {
        assert_eq!(
            durable.check_name(&name(other)),
            Err(NameRefused::NotDurable)
        );
    }
}

#[test]
fn who_has_no_user_needs_one_word_more() {
    let allowed = |client, subscriber, anonymous| AllowedFor {
        client,
        subscriber,
        anonymous,
    };
    for (allowed, user, is_subscribed, may) in [
        (allowed(false, false, true), "", true, false),
        (allowed(false, false, true), "42", true, false),
        (allowed(true, false, false), "42", false, true),
        (allowed(true, false, false), "", true, false),
        (allowed(true, false, true), "", false, true),
        (allowed(false, true, false), "42", false, false),
        (allowed(false, true, false), "42", true, true),
        (allowed(false, true, true), "", true, true),
        (allowed(false, true, true), "", false, false),
    ] {
        assert_eq!(
            allowed.allows(user, is_subscribed),
            may,
            "{allowed:?} {user}"
        );
    }
}
