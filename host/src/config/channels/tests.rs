use std::collections::BTreeSet;
use std::time::Duration;

use hearken_channel_log::{ChannelName, Discard};

use super::field::FIELDS;
use super::*;
use crate::channel::EngineKind;
use crate::config::tests::{file_error, load};

fn name(text: &str) -> ChannelName {
    ChannelName::new(text).expect("a valid name")
}

#[test]
fn channels_are_declared_beside_what_all_may_take() {
    let file = r#"
        [channels]
        max_bytes = "1MiB"
        max_channels = 3
        [channels.orders]
        max_events = 10
        max_bytes = "64KiB"
        max_age = "30d"
        discard = "refuse"
        keep_unread = ["client:billing", "plugin:audit", "client:billing"]
        dedupe = "10m"
        engine = "memory"
        node = "a"
        indexes = { by-user = "user.id" }
        [channels."shop/eu.paid"]
    "#;
    let channels = load(Some(file), &[], &[]).unwrap().channels;
    assert_eq!((channels.max_bytes, channels.max_channels), (1 << 20, 3));
    let orders = &channels.declared[&name("orders")];
    assert!(
        orders.place.ends_with("hearken.toml:5:19"),
        "{}",
        orders.place
    );
    let settings = &orders.settings;
    assert_eq!(settings.log.max_events, Some(10));
    assert_eq!(settings.log.max_bytes, 64 << 10);
    assert_eq!(settings.log.max_age, Some(Duration::from_secs(30 * 86_400)));
    assert_eq!(settings.log.discard, Discard::Refuse);
    assert_eq!(settings.log.dedupe, Duration::from_secs(600));
    assert_eq!(settings.keep_unread.len(), 2, "each once");
    assert_eq!(settings.engine, EngineKind::Memory);
    assert_eq!(settings.node.as_deref(), Some("a"));
    assert_eq!(settings.indexes.len(), 1);
    let paid = &channels.declared[&name("shop/eu.paid")];
    assert_eq!(paid.settings, ChannelSettings::default());
}

#[test]
fn what_all_may_take_stands_in_variables_too() {
    let variables = [("HEARKEN_CHANNELS_MAX_BYTES", "2GiB")];
    let channels = load(Some("[channels.a]"), &variables, &[])
        .unwrap()
        .channels;
    assert_eq!(channels.max_bytes, 2 << 30);
    assert_eq!(channels.declared.len(), 1);
}

#[test]
fn mistakes_are_placed_and_the_nearest_is_named() {
    for (file, place, told) in [
        (
            "[channels]\nmax_byte = '1GiB'",
            "2:1",
            "did you mean `channels.max_bytes`?",
        ),
        ("[channels]\norders = 1", "2:1", "unknown key"),
        ("[channels.'a b']", "1:11", "' '"),
        (
            "[channels.a]\nmax_event = 1",
            "2:1",
            "did you mean `channels.a.max_events`?",
        ),
        ("[channels.a]\nmax_events = 0", "2:14", "less than 1"),
        ("[channels.a]\nmax_bytes = '1KiB'", "2:13", "less than"),
        ("[channels.a]\nmax_age = '30'", "2:11", "no unit"),
        ("[channels.a]\ndiscard = 'newest'", "2:11", "no such rule"),
        (
            "[channels.a]\nkeep_unread = ['audit']",
            "2:16",
            "`plugin:` or `client:`",
        ),
        ("[channels.a]\ndedupe = '2d'", "2:10", "more than"),
        ("[channels.a]\nengine = 'tape'", "2:10", "no such engine"),
        ("[channels.a]\nnode = '-'", "2:8", "does not begin"),
        ("[channels.a.indexes]\nx = '.'", "2:5", "no field"),
        (
            "[channels.a.indexes]\n'x y' = 'a'",
            "2:1",
            "no name of an index",
        ),
    ] {
        let error = file_error(file);
        assert!(
            error.contains(&format!("hearken.toml:{place}: ")),
            "{error}"
        );
        assert!(error.contains(told), "{told}: {error}");
    }
}

#[test]
fn a_declaration_that_changes_is_told_apart() {
    let read = |file| load(Some(file), &[], &[]).unwrap();
    let before = read("[channels.a]");
    let keys = |file| before.changed_keys(&read(file));
    assert_eq!(keys("[channels.a]"), [""; 0]);
    assert_eq!(keys("[channels.a]\nmax_events = 1"), ["channels.NAME"]);
    assert_eq!(
        keys("[channels]\nmax_channels = 1"),
        ["channels.max_channels", "channels.NAME"]
    );
}

#[test]
fn the_page_has_every_key_of_the_table() {
    let error = file_error("[channels.NAME]\nzzz = 1");
    let (_, known) = error.split_once("(known here: ").expect("they are named");
    let known = known.trim_end_matches(')').split(", ");
    let known: BTreeSet<String> = known.map(str::to_owned).collect();
    let of_page = FIELDS.iter().map(|field| field.key.replace(".INDEX", ""));
    assert_eq!(known, of_page.collect());
}

#[test]
fn in_a_cluster_a_declared_channel_says_where_it_lies() {
    let file = "[channels.orders]\nmax_events = 1";
    load(Some(file), &[], &[]).expect("a node by itself");
    let joins = ["--node", "b", "--join", "127.0.0.1:7071"];
    let error = load(Some(file), &[], &joins).expect_err("it is not said");
    let error = error.to_string();
    assert!(error.contains("hearken.toml:1:"), "{error}");
    assert!(
        error.contains("`orders`") && error.contains("node = \"b\""),
        "{error}"
    );
    let placed = "[channels.orders]\nnode = \"a\"";
    load(Some(placed), &[], &joins).expect("it lies on another node");
    let plain = ["--cluster-allow-plaintext"];
    load(Some(file), &[], &plain).expect_err("others may come");
}
