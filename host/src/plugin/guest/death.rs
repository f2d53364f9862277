//! Why an instance died, and what is to blame.

use wasmtime::{Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::batch::cut;
use super::memory::Refused;
use super::secrets::redaction::Redaction;
use super::state::Guest;
use crate::plugin::threads::meter::Meter;

/// Why an instance is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) reason: String,
    /// The guest's stack, innermost call first.
    pub(crate) backtrace: Option<String>,
    /// Whether it waited for storage until its deadline, for which it is not to blame.
    pub(crate) blameless: bool,
}

impl Death {
    /// Says why an instance died, in the words of whoever set the limit it ran into.
    pub(crate) fn of(store: &Store<Guest>, meter: &Meter, error: &wasmtime::Error) -> Self {
        let guest = store.data();
        guest.flush_output();
        let mut reason = if let Some(exceeded) = meter.exceeded() {
            exceeded.to_string()
        } else if let Some(trap) = error.downcast_ref::<Trap>() {
            match trap {
                Trap::StackOverflow => "stack overflow: a recursion went too deep".to_owned(),
                trap => trap.to_string(),
            }
        } else {
            error.root_cause().to_string()
        };
        if meter.exceeded().is_none() && dies_for_want_of_memory(guest.memory.refused(), error) {
            let limit = bytesize::ByteSize(guest.memory.limit());
            reason = format!("memory limit of {limit} reached: {reason}");
        }
        if let Some(last_words) = guest.last_words() {
            reason = format!("{reason}; last words on stderr: {last_words}");
        }
        // Before it is cut, lest half a secret is left.
        let reason = guest.plugin.log.redaction.redact(&reason);
        let backtrace = error.downcast_ref::<WasmBacktrace>();
        Self {
            reason: cut(&reason).to_owned(),
            backtrace: backtrace.map(|trace| cut(&trace.to_string()).to_owned()),
            blameless: meter.waited_for_storage(),
        }
    }

    /// The same without secrets.
    pub(crate) fn redacted(&self, redaction: &Redaction) -> Self {
        let redact = |text: &String| redaction.redact(text).into_owned();
        Self {
            reason: redact(&self.reason),
            backtrace: self.backtrace.as_ref().map(redact),
            blameless: self.blameless,
        }
    }
}

/// Whether a refused allocation is what the instance died of. A guest that gets no
/// memory gives up: it runs into an `unreachable`, or exits. Whatever else it dies of,
/// it has survived the refusal.
fn dies_for_want_of_memory(refused: Option<Refused>, error: &wasmtime::Error) -> bool {
    let trap = error.downcast_ref();
    let gave_up = matches!(trap, Some(Trap::UnreachableCodeReached)) || error.is::<I32Exit>();
    match refused {
        None => false,
        Some(Refused::ToStart) => gave_up || trap.is_none(),
        Some(Refused::ToGrow) => gave_up,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_explains_only_the_death_that_it_caused() {
        let trap = |trap: Trap| wasmtime::Error::from(trap);
        let blamed = |refused, error: &wasmtime::Error| dies_for_want_of_memory(refused, error);
        let gave_up = trap(Trap::UnreachableCodeReached);
        assert!(blamed(Some(Refused::ToGrow), &gave_up));
        assert!(blamed(Some(Refused::ToGrow), &I32Exit(1).into()));
        assert!(!blamed(None, &gave_up));
        for other in [
            trap(Trap::StackOverflow),
            trap(Trap::IntegerDivisionByZero),
            wasmtime::Error::msg("resource table has no free keys"),
        ] {
            assert!(!blamed(Some(Refused::ToGrow), &other), "{other}");
        }
        let too_large = wasmtime::Error::msg("memory minimum size exceeds memory limits");
        assert!(blamed(Some(Refused::ToStart), &too_large));
        assert!(!blamed(None, &too_large));
    }
}
