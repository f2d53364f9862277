//! Projects of npm: folders whose own tools make one text of their sources and of the packages
//! that they use.

mod bundle;
mod described;
mod error;
mod install;
mod tool;

pub use bundle::{Bundle, bundle};
pub use described::{Project, is_project};
pub use error::ProjectError;
