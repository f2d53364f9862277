//! From a save to a version that listens.

use tokio::time::Instant;

use super::guest::Guest;
use crate::node::Node;
use crate::report::Samples;

/// Milliseconds from the moment at which the author saves.
///
/// # Errors
/// When a version cannot be made, or does not start.
pub(super) fn measure(guest: &Guest, repetitions: usize) -> Result<Samples, String> {
    let folder = guest.folder("")?;
    let extension = guest.file.extension().unwrap_or_default();
    let file = folder.file(guest.plugin(), &extension.to_string_lossy());
    let staged = folder.path().join("staged");
    let node = Node::open(folder);
    let told = node.receiver("plugin.{reloaded,failed}");
    let mut samples = Samples::default();
    for round in 0..guest.rounds(repetitions) {
        let saved = Instant::now();
        guest.next_version(round, &staged)?;
        std::fs::rename(&staged, &file).map_err(|error| error.to_string())?;
        let event = node.next(&told);
        samples.push(saved.elapsed().as_secs_f64() * 1e3);
        if event.event_type() != "plugin.reloaded" {
            return Err(String::from_utf8_lossy(event.data().unwrap_or_default()).into_owned());
        }
    }
    Ok(samples)
}
