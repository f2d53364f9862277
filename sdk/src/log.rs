//! The host's log, where each line carries the plugin's name.

use std::fmt::Display;

use crate::host;

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What normally happens.
    Info,
    /// What should not happen but does no harm.
    Warn,
    /// What went wrong.
    Error,
}

/// Logs `message` at `level`.
pub fn log(level: Level, message: impl Display) {
    host::log(level, &message.to_string());
}

/// Logs every step.
pub fn trace(message: impl Display) {
    log(Level::Trace, message);
}

/// Logs what helps to find a fault.
pub fn debug(message: impl Display) {
    log(Level::Debug, message);
}

/// Logs what normally happens.
pub fn info(message: impl Display) {
    log(Level::Info, message);
}

/// Logs what should not happen but does no harm.
pub fn warn(message: impl Display) {
    log(Level::Warn, message);
}

/// Logs what went wrong.
pub fn error(message: impl Display) {
    log(Level::Error, message);
}
