//! What of a component's exports the host calls: a handler of events, hooks of sessions, or
//! both.

use std::ops::Range;

use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre, Linker};

use super::handler::{Handler, HandlerPre, exported};
use crate::bus::Frame;
use crate::interfaces::Called;
use crate::plugin::guest::bindings::plugin::hearken::plugin::types::Description;
use crate::plugin::guest::state::Guest;
use crate::plugin::hooks::Question;
use crate::plugin::hooks::exported::{Hooks, HooksDescription, HooksPre};

/// The exports of a component, ready to be found in its instances.
pub(crate) struct ExportsPre {
    pre: InstancePre<Guest>,
    called: Called,
    handler: Option<HandlerPre>,
    hooks: Option<HooksPre>,
}

/// Those of an instance.
pub(crate) struct Exports {
    handler: Option<Handler>,
    hooks: Option<Hooks>,
}

/// What an instance says that it is.
#[derive(Default)]
pub(crate) struct Said {
    /// What it listens to; nothing if it cannot say, or takes no events.
    pub(crate) listens: Option<Description>,
    /// Which questions of sessions it answers, if any.
    pub(crate) answers: Option<HooksDescription>,
}

impl ExportsPre {
    /// Finds them.
    ///
    /// # Errors
    /// Why there is nothing to call, or cannot be called.
    pub(crate) fn find(component: &Component, linker: &Linker<Guest>) -> Result<Self, String> {
        let called = exported(component)?;
        let find = || {
            let pre = linker.instantiate_pre(component)?;
            let handler = called.handler.map(|handler| HandlerPre::new(handler, &pre));
            let hooks = called.session_hooks.then(|| HooksPre::new(&pre));
            Ok::<_, wasmtime::Error>(Self {
                handler: handler.transpose()?,
                hooks: hooks.transpose()?,
                called,
                pre,
            })
        };
        find().map_err(|error| format!("{error:#}"))
    }

    /// Which they are.
    pub(crate) fn called(&self) -> Called {
        self.called
    }

    /// Makes an instance and asks it what it is, as far as it can say.
    ///
    /// # Errors
    /// When it traps.
    pub(crate) async fn start(
        &self,
        store: &mut Store<Guest>,
    ) -> wasmtime::Result<(Exports, Said)> {
        let instance = self.instantiate(store).await?;
        self.describe(store, &instance).await
    }

    /// Makes an instance.
    ///
    /// # Errors
    /// When it traps.
    pub(super) async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        self.pre.instantiate_async(store).await
    }

    /// Asks an instance what it is, as far as it can say.
    ///
    /// # Errors
    /// When it traps.
    pub(super) async fn describe(
        &self,
        store: &mut Store<Guest>,
        instance: &Instance,
    ) -> wasmtime::Result<(Exports, Said)> {
        let mut exports = Exports {
            handler: None,
            hooks: None,
        };
        let mut said = Said::default();
        if let Some(pre) = &self.handler {
            let (handler, listens) = pre.start(store, instance).await?;
            exports.handler = Some(handler);
            said.listens = listens;
        }
        if let Some(pre) = &self.hooks {
            let (hooks, answers) = pre.start(store, instance).await?;
            exports.hooks = Some(hooks);
            said.answers = Some(answers);
        }
        Ok((exports, said))
    }
}

impl Exports {
    /// Whether the handler takes more than one event a call.
    pub(crate) fn take_frames(&self) -> bool {
        self.handler.as_ref().is_some_and(Handler::takes_frames)
    }

    /// Hands over events of a frame, see [`Handler::call`].
    ///
    /// # Errors
    /// When the guest traps.
    pub(crate) async fn handle(
        &self,
        store: &mut Store<Guest>,
        frame: &Frame,
        events: Range<usize>,
        attempt: Option<u32>,
    ) -> wasmtime::Result<()> {
        match &self.handler {
            Some(handler) => handler.call(store, frame, events, attempt).await,
            // It listens to nothing: what was there for another version is passed over.
            None => Ok(()),
        }
    }

    /// Asks what a session wants to know, see [`Hooks::ask`].
    ///
    /// # Errors
    /// When the guest traps.
    pub(crate) async fn ask(
        &self,
        store: &mut Store<Guest>,
        question: Question,
    ) -> wasmtime::Result<bool> {
        match &self.hooks {
            Some(hooks) => hooks.ask(store, question).await,
            // Dropped, it is refused.
            None => Ok(false),
        }
    }
}
