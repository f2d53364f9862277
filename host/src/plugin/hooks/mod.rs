//! Hooks: what sessions of clients ask plugins, on its way to an instance and back.
//!
//! A session asks at [`PluginHooks`], which puts the question into the plugin's desk, if the
//! plugin is there, answers such questions and may. The desk outlives versions, so that a reload
//! loses no question; whichever worker of the plugin is free takes the next one, between two
//! calls with events.
//!
//! | file | what it is |
//! | --- | --- |
//! | `question` | what is asked, and who waits for the answer |
//! | `desk` | the questions to one plugin, until they are taken |
//! | `exported` | calling an instance with a question |
//! | `answer` | what an instance answers, as sessions take it |
//! | `plugin_hooks` | all desks, as sessions ask there |

mod answer;
pub(super) mod desk;
pub(super) mod exported;
mod plugin_hooks;
mod question;

pub use plugin_hooks::PluginHooks;
pub(super) use question::Question;
