//! Contenders for the same prize: their repetitions take turns, so that whatever
//! else the machine does meets all of them.

use std::time::Duration;

use crate::report::Samples;

/// Length of one repetition of a throughput.
pub(crate) const REPETITION: Duration = Duration::from_millis(500);

/// Takes one repetition with a payload of so many bytes; nanoseconds an event.
pub(crate) type Repeat = Box<dyn FnMut(usize) -> f64>;

/// One that is measured, or why it cannot be measured here.
pub(crate) struct Contender {
    pub(crate) name: String,
    repeat: Result<Repeat, String>,
}

impl Contender {
    pub(crate) fn new(name: impl Into<String>, repeat: Result<Repeat, String>) -> Self {
        Self {
            name: name.into(),
            repeat,
        }
    }

    pub(crate) fn available(name: impl Into<String>, repeat: Repeat) -> Self {
        Self::new(name, Ok(repeat))
    }

    /// Why it cannot be measured.
    pub(crate) fn unavailable(&self) -> Option<&str> {
        self.repeat.as_ref().err().map(String::as_str)
    }
}

/// Measures all contenders with all payloads, in turns. The samples come in the
/// order of the contenders, and for each in the order of the payloads.
pub(crate) fn take_turns(
    contenders: &mut [Contender],
    payloads: &[usize],
    repetitions: usize,
) -> Vec<Vec<Samples>> {
    let mut samples = vec![vec![Samples::default(); payloads.len()]; contenders.len()];
    for repetition in 0..repetitions {
        eprintln!("repetition {} of {repetitions}", repetition + 1);
        for (payload, bytes) in payloads.iter().enumerate() {
            for (contender, samples) in contenders.iter_mut().zip(&mut samples) {
                if let Ok(repeat) = &mut contender.repeat {
                    samples[payload].push(repeat(*bytes));
                }
            }
        }
    }
    samples
}
