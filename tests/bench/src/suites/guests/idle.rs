//! The start of an instance, and what it holds while it has nothing to do: by nodes in
//! processes of their own that differ in how many there are.

use super::guest::Guest;
use crate::report::Samples;
use crate::suites::load::idle::{Taken, in_a_process};

/// Instances that one node has more than the other: a plugin may have 64, and among many it counts
/// less in which pieces the node takes memory from the system.
const MORE: usize = 63;

pub(super) struct Idle {
    /// Milliseconds of CPU.
    pub(super) start: Samples,
    /// KiB that the process has written, and nobody shares.
    pub(super) memory: Samples,
}

/// # Errors
/// When a node does not start.
pub(super) fn measure(guest: &Guest, repetitions: usize) -> Result<Idle, String> {
    let [one, more] = [1, 1 + MORE].map(|instances| -> Result<_, String> {
        let folder = guest.folder(&format!("concurrency = {instances}\n"))?;
        // Leaves compiled code to the others.
        in_a_process(folder.path())?;
        Ok(folder)
    });
    let (one, more) = (one?, more?);
    let mut idle = Idle {
        start: Samples::default(),
        memory: Samples::default(),
    };
    for _ in 0..repetitions {
        let [few, many]: [Result<Taken, String>; 2] =
            [&one, &more].map(|folder| in_a_process(folder.path()));
        let (few, many) = (few?, many?);
        let each = |few: f64, many: f64| (many - few) / MORE as f64;
        idle.start
            .push(each(few.cpu_milliseconds, many.cpu_milliseconds));
        idle.memory.push(each(few.written_kib, many.written_kib));
    }
    Ok(idle)
}
