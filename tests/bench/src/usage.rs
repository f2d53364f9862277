//! What processes take of the machine, as Linux counts it.

use std::fs;
use std::time::Duration;

/// Seconds of one tick of CPU time, as Linux counts it everywhere.
const TICK: f64 = 0.01;

/// What a process has taken, with those that it has started and that run yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Seconds of all CPUs.
    pub(crate) cpu: f64,
    /// KiB of memory; of what is shared between processes each has its part.
    pub(crate) kib: f64,
}

/// What the process of this number takes.
///
/// # Errors
/// When it has ended, or Linux does not say.
pub(crate) fn of(process: u32) -> Result<Usage, String> {
    let mut all = vec![process];
    let mut usage = Usage::default();
    while let Some(process) = all.pop() {
        usage.cpu += cpu_seconds(process)?;
        usage.kib += proportional_kib(process)?;
        all.extend(started_by(process));
    }
    Ok(usage)
}

/// Seconds of all CPUs that the process has used.
///
/// # Errors
/// When it has ended.
pub(crate) fn cpu_seconds(process: u32) -> Result<f64, String> {
    let stat = read(process, "stat")?;
    // Behind the program's name, which may have spaces: the 12th and 13th.
    let (_, rest) = stat.rsplit_once(") ").unwrap_or_default();
    let fields = rest.split(' ').skip(11).take(2);
    let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks * TICK)
}

/// CPU that this process has used, by all its threads.
pub(crate) fn own_cpu() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let [seconds, nanoseconds] = [used.tv_sec, used.tv_nsec].map(u64::try_from);
    Duration::from_secs(seconds.unwrap_or_default())
        + Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// KiB of memory that the process has written, and that nobody shares.
///
/// # Errors
/// When it has ended, or Linux does not say.
pub(crate) fn written_kib(process: u32) -> Result<f64, String> {
    mapped_kib(process, "Private_Dirty:")
}

fn proportional_kib(process: u32) -> Result<f64, String> {
    mapped_kib(process, "Pss:")
}

fn mapped_kib(process: u32, what: &str) -> Result<f64, String> {
    let rollup = read(process, "smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix(what));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    let number = number.and_then(|number| number.parse().ok());
    number.ok_or_else(|| "Linux does not say how much memory a process has".to_owned())
}

/// The processes that it has started; none where Linux does not say.
fn started_by(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let numbers = |list: String| -> Vec<u32> {
        let words = list.split_whitespace();
        words.filter_map(|word| word.parse().ok()).collect()
    };
    lists.flat_map(numbers).collect()
}

fn read(process: u32, file: &str) -> Result<String, String> {
    let path = format!("/proc/{process}/{file}");
    fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_counted_with_those_that_it_has_started() {
        let this = std::process::id();
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        assert!(started_by(this).contains(&child.id()));
        let own = proportional_kib(this).unwrap();
        assert!(own > 0.0 && of(this).unwrap().kib > 0.0);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(of(child.id()).is_err(), "it has ended");
    }
}
