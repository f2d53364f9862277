//! What the README and the pages in `host/docs` show and claim: their commands are run,
//! their numbers compared with the code, their links followed.

mod commands;
mod expected;
mod frozen;
mod limits;
mod links;
mod metrics;
mod page;
mod shell;
mod source;
#[path = "../e2e/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the end-to-end suite uses the rest"
)]
mod support;

use page::Page;
use support::guests::checkout;
use support::process::{hearken, run};

#[test]
fn the_readme_is_short() {
    let lines = Page::read("README.md").text.lines().count();
    assert!(lines <= 150, "it has {lines} lines; pages have room");
}

#[test]
fn every_event_of_the_host_is_described() {
    let text = Page::read("host/docs/events.md").text;
    for event_type in hearken::event::host_event::HostEventType::ALL {
        let name = format!("`{}`", event_type.as_str());
        assert!(text.contains(&name), "{name} is not in events.md");
    }
}

#[tokio::test]
async fn every_command_is_described() {
    let text = Page::read("host/docs/cli.md").text;
    for group in [
        &[][..],
        &["plugin"],
        &["engine"],
        &["channel"],
        &["sessions"],
        &["access"],
        &["cluster"],
    ] {
        let help = run(hearken(checkout(), &[group, &["--help"]].concat())).await;
        let (_, commands) = help.stdout.split_once("Commands:").expect("there are some");
        let commands = commands.lines().skip(1).take_while(|line| !line.is_empty());
        for command in commands.filter_map(|line| line.split_whitespace().next()) {
            let called = [&["hearken"], group, &[command]].concat().join(" ");
            let groups = [
                "hearken plugin",
                "hearken engine",
                "hearken channel",
                "hearken sessions",
                "hearken access",
                "hearken cluster",
            ];
            let known =
                groups.contains(&&*called) || command == "help" || described(&text, &called);
            assert!(known, "`{called}` is not in cli.md");
        }
    }
}

/// Whether a page has this command, alone or as one of several: `hearken plugin a|b`.
fn described(text: &str, command: &str) -> bool {
    let (group, name) = command.rsplit_once(' ').expect("two words at least");
    text.match_indices(&format!("`{group} "))
        .any(|(at, start)| {
            let names = text[at + start.len()..].split([' ', '`']).next();
            names.is_some_and(|names| names.split("\\|").any(|known| known == name))
        })
}
