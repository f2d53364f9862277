//! Where an instance is, or is to be.

use std::sync::Arc;

use super::instance::Instance;
use crate::plugin::threads::task::TaskHandle;

/// An instance, or the room for one, with the task on the plugin threads that it is for.
pub(crate) struct InstanceSlot {
    pub(crate) instance: Option<Instance>,
    pub(crate) handle: Arc<TaskHandle>,
}
