//! From a file being renamed into place to the first event that the new version has
//! handled: on a node that has compiled the version before, and so compiles what an
//! edit has changed, and on one that has loaded it from the cache, and so compiles all.

use std::path::Path;

use hearken::event::{Draft, EventType};
use tokio::time::Instant;

use super::milliseconds;
use crate::node::{Folder, Node};
use crate::report::Samples;

/// Nodes that replace a plugin's file.
const RELOADS: usize = 40;

/// What the node knows of the version that is replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Compiled,
    Cached,
}

pub(super) fn measure(measured: &Path, edited: &Path, before: Before) -> Samples {
    let ask = Draft::new(EventType::custom("bench.report").expect("a valid type"));
    let mut samples = Samples::default();
    for _ in 0..RELOADS {
        let folder = Folder::new(&[("measured".to_owned(), measured, "")]);
        let (staged, file) = (
            folder.file("measured", "next"),
            folder.file("measured", "wasm"),
        );
        let mut node = Node::open(folder);
        if before == Before::Cached {
            node = Node::open(node.stop());
        }
        let reloaded = node.receiver("plugin.reloaded");
        let answered = node.receiver("custom.bench.reported");
        let publisher = node.publisher();
        std::fs::copy(edited, &staged).expect("a writable folder");
        let began = Instant::now();
        std::fs::rename(&staged, &file).expect("a writable folder");
        node.next(&reloaded);
        publisher.publish(&ask).expect("a valid event");
        node.next(&answered);
        samples.push(milliseconds(began));
    }
    samples
}
