//! From a file being renamed into place to the first event that the new version
//! has handled. Each file is different, so that each is compiled.

use std::path::Path;

use hearken::event::{Draft, EventType};
use tokio::time::Instant;

use super::{marked, milliseconds};
use crate::node::{Folder, Node};
use crate::report::Samples;

/// Replacements of the plugin's file.
const RELOADS: usize = 40;

pub(super) fn measure(measured: &Path) -> Samples {
    let original = std::fs::read(measured).expect("the component was just built");
    let folder = Folder::new(&[("measured".to_owned(), measured, "")]);
    let (staged, file) = (
        folder.file("measured", "next"),
        folder.file("measured", "wasm"),
    );
    let node = Node::open(folder);
    let reloaded = node.receiver("plugin.reloaded");
    let answered = node.receiver("custom.bench.reported");
    let publisher = node.publisher();
    let ask = Draft::new(EventType::custom("bench.report").expect("a valid type"));
    let mut samples = Samples::default();
    for version in 0..RELOADS {
        std::fs::write(&staged, marked(&original, version)).expect("a writable folder");
        let began = Instant::now();
        std::fs::rename(&staged, &file).expect("a writable folder");
        node.next(&reloaded);
        publisher.publish(&ask).expect("a valid event");
        node.next(&answered);
        samples.push(milliseconds(began));
    }
    samples
}
