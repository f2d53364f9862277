//! The engine of JavaScript plugins: a component of which an instance evaluates a plugin's
//! text when it starts, and hands events to the functions that the text has registered.
//!
//! - [`beginning`] is the context that all instances begin with, [`moment`] what each makes its own.
//! - [`start`] evaluates the text, whose imports [`modules`] finds.
//! - [`listener`] is what the node calls with events, [`hooks`] with what sessions ask.
//! - [`dispatch`] finds the functions, which [`registry`] keeps; [`event`] is what they are
//!   given, and [`drive`] goes on until their promises are settled.
//! - [`ahead`] is what differs where a text is evaluated once for many instances.
//! - [`compat`] evaluates what was written for another runtime.
//! - [`text`] bounds what goes out, [`values`] converts it.
//! - [`api`] is the module `hearken` of the text, [`web`] are the globals that authors expect.

mod ahead;
mod api;
mod attempts;
mod beginning;
mod bindings;
mod compat;
mod dispatch;
mod drive;
mod event;
mod failure;
mod hooks;
mod listener;
mod memory;
mod modules;
mod moment;
mod options;
mod progress;
mod registry;
mod start;
mod text;
mod values;
mod web;
