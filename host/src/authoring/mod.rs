//! What a plugin's author needs: making a crate or a text, or the engine of one, building it to a component,
//! rebuilding it while it is edited, and being told what a component file is.
//!
//! Nothing in here runs a guest; the plugin room does.

pub mod build;
mod cargo;
pub mod check;
pub mod dev;
pub mod discover;
pub mod engine;
mod npm;
pub mod place;
pub mod project;
pub mod scaffold;
pub mod toolchain;

pub use build::{BuildError, Compiled, CompilerOutput, PluginCrate, build};
pub use check::{CheckError, CheckReport, EngineReport, Examination, check, examine};
pub use dev::{BuildSummary, Dev, DevError, DevReport};
pub use discover::{discover, discover_projects};
pub use engine::{MadeEngine, MakeEngineError, make_python_engine};
pub use npm::keep_package;
pub use place::{PlaceError, Placement, place};
pub use project::{
    Bundle, Project, ProjectError, bundle, get_packages, is_crate, is_project, is_python_project,
};
pub use scaffold::{
    ScaffoldError, Scaffolded, ScaffoldedText, SdkSource, scaffold, scaffold_project, scaffold_text,
};
pub use toolchain::{ToolchainError, WASM_TARGET, ensure_target};
