//! What the README and the pages in `host/docs` show and claim: their commands are run,
//! their numbers compared with the code, their links followed.

mod commands;
mod expected;
mod limits;
mod links;
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
