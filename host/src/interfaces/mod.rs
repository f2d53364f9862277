//! Which interfaces this host offers to plugins, on which condition, and by which
//! it hands events over: the one list that loading and explaining plugins share.

mod handlers;
mod imports;
mod version;

pub use handlers::{Called, Export, Handler, SESSION_HOOKS, find_called};
pub use imports::{Provision, Support, import_problem, import_support};
