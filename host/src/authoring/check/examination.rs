//! What is found in a file by parsing and validating it. That costs time, memory and
//! stack as the file has it, so a process of its own does it, and this is what it says.

use serde::{Deserialize, Serialize};
use wasmparser::Parser;

use super::shape::Shape;
use super::{component, core_module};

/// What was found in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Examination {
    /// A sound component.
    Component(Shape),
    /// A core module.
    CoreModule {
        /// How to make a component of it.
        advice: String,
    },
    /// Neither.
    Damaged {
        /// Where, in bytes from the beginning.
        offset: usize,
        /// What is wrong there.
        message: String,
    },
}

/// Parses and validates a component or module.
#[must_use]
pub fn examine(bytes: &[u8]) -> Examination {
    if Parser::is_core_wasm(bytes) {
        return Examination::CoreModule {
            advice: core_module::advice(bytes),
        };
    }
    match component::inspect(bytes) {
        Ok(shape) => Examination::Component(shape),
        Err(damage) => Examination::Damaged {
            offset: damage.offset(),
            message: damage.message().to_owned(),
        },
    }
}

impl Examination {
    /// As one process says it to another.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and numbers are JSON")
    }

    /// Reads what [`to_bytes`](Self::to_bytes) has made.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_bytes(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }
}
