//! Projects: folders whose own tools make one text of their sources and of the packages of npm
//! that they use, or which name packages of Python.

mod bundle;
mod described;
mod error;
mod install;
mod tool;
mod wheels;

pub use bundle::{Bundle, bundle};
pub use described::{Project, is_crate, is_project};
pub use error::ProjectError;
pub use wheels::{get_packages, is_python_project};
