//! Why an instance died, and what is to blame.

use std::collections::BTreeSet;

use wasmtime::{FrameInfo, Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::batch::cut;
use super::memory::Refused;
use super::script::GuestScript;
use super::secrets::redaction::Redaction;
use super::state::Guest;
use crate::plugin::threads::meter::Meter;
use crate::script::Trace;

/// What is said where a guest's stack is used up.
const STACK_OVERFLOW: &str = "stack overflow: a recursion went too deep";

/// Calls of so few functions are a recursion, where so many are told of the last.
const RECURSION: usize = 16;
const FUNCTIONS: usize = 4;

/// Why an instance is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) reason: String,
    /// The guest's stack, innermost call first.
    pub(crate) backtrace: Option<String>,
    /// Where in the plugin's texts it was, if it is made of some.
    pub(crate) trace: Option<Box<Trace>>,
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
                Trap::StackOverflow => STACK_OVERFLOW.to_owned(),
                Trap::MemoryOutOfBounds if is_recursion(error) => STACK_OVERFLOW.to_owned(),
                trap => trap.to_string(),
            }
        } else {
            error.root_cause().to_string()
        };
        let is_in_time = meter.exceeded().is_none();
        let wants_memory = is_in_time && dies_for_want_of_memory(guest.memory.refused(), error);
        if wants_memory {
            let limit = bytesize::ByteSize(guest.memory.limit());
            reason = format!("memory limit of {limit} reached: {reason}");
        }
        let script = guest.script.as_deref();
        if let Some(last_words) = guest.last_words() {
            reason = match script {
                // An engine gives up because of what it says; how it does tells nobody anything.
                Some(_) if is_in_time && !wants_memory && gave_up(error) => last_words,
                _ => format!("{reason}; last words on stderr: {last_words}"),
            };
        }
        // Before it is cut, lest half a secret is left.
        let reason = guest.plugin.log.redaction.redact(&reason);
        let backtrace = error.downcast_ref::<WasmBacktrace>();
        // Of an engine it says where in that something went wrong.
        let backtrace = backtrace.filter(|_| script.is_none());
        let death = Self {
            reason: cut(&reason).to_owned(),
            backtrace: backtrace.map(|trace| cut(&trace.to_string()).to_owned()),
            trace: None,
            blameless: meter.waited_for_storage(),
        };
        death.traced(script)
    }

    /// What the host, or a guest, says of something that went wrong.
    pub(crate) fn told(reason: String) -> Self {
        Self {
            reason,
            backtrace: None,
            trace: None,
            blameless: false,
        }
    }

    /// The same with the place in the plugin's texts that the reason names, if it does.
    pub(crate) fn traced(self, script: Option<&GuestScript>) -> Self {
        match script.and_then(|script| script.trace(&self.reason)) {
            Some(trace) => self.at(trace),
            None => self,
        }
    }

    /// The same at a place in the plugin's texts.
    pub(crate) fn at(self, trace: impl Into<Box<Trace>>) -> Self {
        let trace = trace.into();
        let reason = match &trace.place {
            Some(place) => format!("{} ({place})", trace.message),
            None => trace.message.clone(),
        };
        Self {
            reason,
            trace: Some(trace),
            ..self
        }
    }

    /// All of it for people: the reason, the calls that led there, and the line.
    pub(crate) fn in_full(&self) -> String {
        let Some(trace) = &self.trace else {
            return self.reason.clone();
        };
        let mut full = self.reason.clone();
        // A single call is the place that the reason names.
        if trace.frames.contains('\n') {
            full = format!("{full}\n{}", trace.frames);
        }
        match &trace.excerpt {
            Some(excerpt) => format!("{full}\n{excerpt}"),
            None => full,
        }
    }

    /// The same without secrets.
    pub(crate) fn redacted(&self, redaction: &Redaction) -> Self {
        let redact = |text: &String| redaction.redact(text).into_owned();
        Self {
            reason: redact(&self.reason),
            backtrace: self.backtrace.as_ref().map(redact),
            trace: self.trace.as_ref().map(|trace| {
                Box::new(Trace {
                    message: redact(&trace.message),
                    frames: redact(&trace.frames),
                    place: trace.place.clone(),
                    excerpt: trace.excerpt.as_ref().map(redact),
                })
            }),
            blameless: self.blameless,
        }
    }
}

/// Whether what went out of bounds is the stack that a guest keeps at the beginning of its
/// memory: a recursion leaves it there before the host's stack for it is used up.
fn is_recursion(error: &wasmtime::Error) -> bool {
    let calls = error.downcast_ref::<WasmBacktrace>();
    calls.is_some_and(|calls| {
        let functions: BTreeSet<u32> = calls.frames().iter().map(FrameInfo::func_index).collect();
        calls.frames().len() >= RECURSION && functions.len() <= FUNCTIONS
    })
}

/// Whether a refused allocation is what the instance died of. A guest that gets no
/// memory gives up: it runs into an `unreachable`, or exits. Whatever else it dies of,
/// it has survived the refusal.
fn dies_for_want_of_memory(refused: Option<Refused>, error: &wasmtime::Error) -> bool {
    match refused {
        None => false,
        Some(Refused::ToStart) => gave_up(error) || error.downcast_ref::<Trap>().is_none(),
        Some(Refused::ToGrow) => gave_up(error),
    }
}

/// Whether the guest has ended itself.
pub(crate) fn gave_up(error: &wasmtime::Error) -> bool {
    let trap = error.downcast_ref();
    matches!(trap, Some(Trap::UnreachableCodeReached)) || error.is::<I32Exit>()
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
