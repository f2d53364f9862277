//! Runs seeds and says which promises were broken.

use std::env;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread::available_parallelism;

use hearken_channel_model::check;

const USAGE: &str = "usage: hearken-channel-model FIRST [SEEDS [JOBS]]

Runs so many seeds (1) from the first on, so many at once (one for each core).";

fn main() -> ExitCode {
    let numbers = env::args().skip(1).map(|number| number.parse::<u64>());
    let numbers: Result<Vec<u64>, _> = numbers.collect();
    let (first, count, jobs) = match numbers.as_deref() {
        Ok([first]) => (*first, 1, None),
        Ok([first, count]) => (*first, *count, None),
        Ok([first, count, jobs]) => (*first, *count, usize::try_from(*jobs).ok()),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let cores = || available_parallelism().map_or(1, NonZeroUsize::get);
    if check::tell(first, count, jobs.unwrap_or_else(cores)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
