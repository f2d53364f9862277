//! The metrics of `operations.md` are those that a node has, and pages name no others.

use std::collections::BTreeSet;
use std::fs;

use reqwest::Method;
use tempfile::TempDir;

use crate::page::Page;
use crate::support::process::NodeProcess;

/// What begins like a metric and is the name of a crate.
const CRATE: &str = "hearken_sdk";

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_those_of_a_node() {
    let exported = exported().await;
    let rows = Page::read("host/docs/operations.md").rows("metric");
    let described: BTreeSet<(String, String)> = rows
        .into_iter()
        .map(|cells| (cells[0].trim_matches('`').to_owned(), cells[1].clone()))
        .collect();
    let missing: Vec<_> = exported.difference(&described).collect();
    assert!(missing.is_empty(), "operations.md lacks {missing:#?}");
    let more: Vec<_> = described.difference(&exported).collect();
    assert!(more.is_empty(), "no node has {more:#?}");
    for page in Page::all() {
        for (name, is_whole) in named(&page.text) {
            let known = exported.iter().any(|(known, _)| {
                if is_whole {
                    known == name
                } else {
                    known.starts_with(name)
                }
            });
            assert!(known, "{}: no node has {name}", page.path);
        }
    }
}

/// The metrics of a node with sessions, by their names as a scrape has them, and their types.
async fn exported() -> BTreeSet<(String, String)> {
    let folder = TempDir::new().expect("a temporary folder");
    let config = folder.path().join("hearken.toml");
    let settings = "[access]\nanonymous = [\"admin\"]\n\n[sessions]\nanonymous = true\n";
    fs::write(&config, settings).expect("a new file");
    let config = config.to_str().expect("UTF-8");
    let node = NodeProcess::start([], &["--config", config]).await;
    // What is counted by labels is there once it has happened.
    let refused = node.request(Method::POST, "/api/nothing").body("{}");
    refused.send().await.expect("the node answers");
    let text = node.get("/metrics").await.text().await.expect("text");
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| line.split_once(' '))
        .map(|(name, kind)| match kind {
            // OpenMetrics has the end on the line with the figure alone.
            "counter" => (format!("{name}_total"), kind.to_owned()),
            _ => (name.to_owned(), kind.to_owned()),
        })
        .collect()
}

/// The metrics that a text names, and whether by their whole names: `hearken_consumer_…` stands
/// for several.
fn named(text: &str) -> Vec<(&str, bool)> {
    let starts = text.match_indices("hearken_").map(|(at, _)| &text[at..]);
    starts
        .map(|rest| {
            let is_inside = |char: char| char.is_ascii_lowercase() || char == '_';
            let end = rest.find(|char| !is_inside(char)).unwrap_or(rest.len());
            (&rest[..end], !rest[end..].starts_with('…'))
        })
        .filter(|(name, _)| *name != CRATE)
        .collect()
}

#[test]
fn names_are_found_in_a_text() {
    assert_eq!(
        named("`hearken_a_total`, `hearken_b_…`; use hearken_sdk::Event"),
        [("hearken_a_total", true), ("hearken_b_", false)]
    );
}
