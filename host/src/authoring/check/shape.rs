//! A component as it looks from outside.

use serde::{Deserialize, Serialize};

/// A sound component's outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Names of what it imports, types left out.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<ExportReport>,
}

/// One thing that a component gives to its host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportReport {
    /// The interface with its version, or the name of a function.
    pub name: String,
    /// The functions of the interface.
    pub functions: Vec<String>,
}
