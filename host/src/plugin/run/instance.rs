//! Versions of a plugin, and the instances that run them.

use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;

use wasmtime::component::Component;
use wasmtime::{AsContextMut, CallHook, Store};

use super::contain::contain;
use super::exports::{Exports, ExportsPre, Said};
use crate::bus::Frame;
use crate::config::{Manifest, PluginLimits, Rights};
use crate::interfaces;
use crate::plugin::guest::batch::Failure;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::death::{Death, gave_up};
use crate::plugin::guest::deliveries::Deliveries;
use crate::plugin::guest::progress;
use crate::plugin::guest::rights::{PolicyInForce, RightsInForce};
use crate::plugin::guest::script::GuestScript;
use crate::plugin::guest::secrets::vault::Vault;
use crate::plugin::guest::state::Guest;
use crate::plugin::hooks::desk::Due;
use crate::plugin::threads::meter::{Meter, Spent};
use crate::plugin::threads::task::TaskHandle;

/// A component with its manifest, ready to be instantiated.
pub(crate) struct Version {
    pub(crate) plugin: Arc<PluginContext>,
    pub(crate) content_hash: blake3::Hash,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) limits: PluginLimits,
    /// What the plugin might do when this version was made, as operators see it.
    pub(crate) rights: Rights,
    in_force: Arc<RightsInForce>,
    secrets: Arc<Vault>,
    /// Kept in use, so that other plugins with the same file share it.
    component: Arc<Component>,
    /// What an engine of a language evaluates; nothing of other components.
    script: Option<Arc<GuestScript>>,
    exports: ExportsPre,
}

/// A running instance.
pub(crate) struct Instance {
    store: Store<Guest>,
    exports: Exports,
    meter: Arc<Meter>,
}

/// What became of the events of a call.
#[derive(Debug)]
pub(crate) struct Handled {
    /// How many of them, from the first, the guest is done with.
    pub(crate) finished: usize,
    /// Which of those failed.
    pub(crate) failures: Vec<Failure>,
    /// Why the instance died of the next one, if it did.
    pub(crate) death: Option<Death>,
    /// What the call has cost.
    pub(crate) spent: Spent,
}

impl Version {
    /// Links a component.
    ///
    /// # Errors
    /// Says which import is missing, or that there is nothing to call.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a version is made of, each once"
    )]
    pub(crate) fn link(
        plugin: Arc<PluginContext>,
        component: Arc<Component>,
        linker: &wasmtime::component::Linker<Guest>,
        content_hash: blake3::Hash,
        manifest: Manifest,
        limits: PluginLimits,
        rights: Rights,
        policy: &Arc<PolicyInForce>,
        secrets: Vault,
        script: Option<GuestScript>,
    ) -> Result<Self, String> {
        let missing = missing_imports(&component);
        if !missing.is_empty() {
            return Err(missing.join("; "));
        }
        let exports = ExportsPre::find(&component, linker)?;
        let manifest = Arc::new(manifest);
        let name = Arc::clone(&plugin.rights_of);
        let in_force = RightsInForce::new(name, Arc::clone(&manifest), Arc::clone(policy));
        Ok(Self {
            plugin,
            content_hash,
            rights,
            in_force: Arc::new(in_force),
            secrets: Arc::new(secrets),
            manifest,
            limits,
            exports,
            component,
            script: script.map(Arc::new),
        })
    }

    /// What of its exports is called.
    pub(crate) fn called(&self) -> interfaces::Called {
        self.exports.called()
    }

    /// The texts that it is made of, if it is.
    pub(crate) fn script(&self) -> Option<&GuestScript> {
        self.script.as_deref()
    }

    /// What it may do, as that is at each moment.
    pub(crate) fn in_force(&self) -> &Arc<RightsInForce> {
        &self.in_force
    }

    /// Instances that share the work.
    pub(crate) fn concurrency(&self) -> usize {
        self.manifest.concurrency.unwrap_or(1)
    }

    /// Makes an instance and asks it what it is. Runs guest code, so call it on
    /// the executor, in the task that has `handle`.
    ///
    /// # Errors
    /// [`Death`] when it traps, takes longer than an event may, or needs more
    /// memory than it may.
    pub(crate) async fn instantiate(
        &self,
        handle: Arc<TaskHandle>,
    ) -> Result<(Instance, Said), Death> {
        let meter = Arc::new(Meter::new(
            Arc::clone(&handle),
            self.limits.deadline,
            self.limits.time_slice,
        ));
        let mut guest = Guest::new(
            Arc::clone(&self.plugin),
            &self.in_force,
            Arc::clone(&self.secrets),
            &self.manifest.config,
            self.limits.memory,
            Arc::clone(&meter),
        );
        if let Some(script) = &self.script {
            guest.evaluate(Arc::clone(script));
        }
        let mut store = Store::new(self.component.engine(), guest);
        Guest::bound(&mut store);
        store.epoch_deadline_callback(|mut store| {
            progress::observe(store.as_context_mut())?;
            let turn = store.data().meter.on_tick();
            progress::interrupt(store.as_context_mut());
            Ok(turn)
        });
        store.set_epoch_deadline(1);
        store.call_hook(|store, transition| match transition {
            // On the way back too: while the guest waited it may have been asked to stop.
            CallHook::CallingHost | CallHook::ReturningFromHost => Ok(progress::observe(store)?),
            CallHook::CallingWasm | CallHook::ReturningFromWasm => Ok(()),
        });
        handle.step_back().await;
        let started = meter.charge(self.exports.start(&mut store)).await;
        match started {
            Ok((exports, said)) => {
                store.data_mut().is_starting = false;
                // It may have been told to give up when it was all but done.
                progress::let_go_on(store.as_context_mut());
                let instance = Instance {
                    store,
                    exports,
                    meter,
                };
                Ok((instance, said))
            }
            Err(error) => {
                let death = Death::of(&store, &meter, &error);
                // It has given up when the deadline was all but over, and may have said where it was.
                let is_over = store.data().batch.interrupted().is_some() && gave_up(&error);
                Err(if is_over {
                    let calls = death.trace.as_ref().map_or("", |trace| &trace.frames);
                    out_of_time(&store, &meter, calls)
                } else {
                    death
                })
            }
        }
    }
}

/// The death of a guest that was told to give up what it was at, with the calls that it names.
fn out_of_time(store: &Store<Guest>, meter: &Meter, calls: &str) -> Death {
    let reason = format!("{}\n{calls}", meter.given_up());
    let guest = store.data();
    let death = Death::told(reason.trim_end().to_owned()).traced(guest.script.as_deref());
    death.redacted(&guest.plugin.log.redaction)
}

/// Imports that this host does not have.
fn missing_imports(component: &Component) -> Vec<String> {
    let component_type = component.component_type();
    component_type
        .imports(component.engine())
        .filter_map(|(name, _)| interfaces::import_problem(name))
        .collect()
}

impl Instance {
    /// Whether a call may have more than one event.
    pub(crate) fn takes_frames(&self) -> bool {
        self.exports.take_frames() && self.store.data().batch.is_counted()
    }

    /// Hands the instance events of a frame: one, or more if it takes frames; then they
    /// must be the last. `attempt` is that of the first of them, from 1, if it is a
    /// delivery of its channel, and `deliveries` what channels tell of them. The instance
    /// leaves some over if it is asked to end meanwhile. After a death it cannot be used
    /// again.
    pub(crate) async fn handle(
        &mut self,
        frame: &Arc<Frame>,
        events: Range<usize>,
        attempt: Option<u32>,
        deliveries: Option<Arc<dyn Deliveries>>,
    ) -> Handled {
        let guest = self.store.data_mut();
        guest.next_event();
        guest
            .batch
            .begin(Arc::clone(frame), events.clone(), deliveries);
        let called = contain(self.call(frame, events, attempt)).await;
        let guest = self.store.data_mut();
        // Of a death the event in hand dies, on which its last words are those of the death.
        let mut finished = match &called {
            Ok(begun) => *begun,
            Err(_) => guest.batch.at(),
        };
        let interrupted = guest.batch.interrupted();
        let mut failures = guest.batch.end(finished);
        failures.retain(|failure| failure.index < finished);
        let mut death = called.err();
        // It has said where it was when the deadline was over, and dies of that all the same.
        if death.is_none()
            && let Some(at) = interrupted
            && let Some(failure) = failures.pop_if(|last| last.index == at)
        {
            finished = at;
            let calls = failure.reason.split_once('\n');
            let calls = calls.map_or("", |(_, calls)| calls);
            death = Some(out_of_time(&self.store, &self.meter, calls));
        }
        Handled {
            finished,
            failures,
            death,
            spent: self.meter.spent(),
        }
    }

    /// Calls the guest; returns how many of the events it has begun.
    async fn call(
        &mut self,
        frame: &Frame,
        events: Range<usize>,
        attempt: Option<u32>,
    ) -> Result<usize, Death> {
        progress::let_go_on(self.store.as_context_mut());
        let called = {
            let call = pin!(self.exports.handle(&mut self.store, frame, events, attempt));
            self.meter.charge(call).await
        };
        let mut store = self.store.as_context_mut();
        // Where the guest stopped: after a trap nobody has looked yet.
        let looked = progress::look(store.as_context_mut());
        let checked = called
            .and_then(|()| Ok(looked?))
            .and_then(|()| Ok(progress::check_finished(store.as_context_mut())?));
        store.data().flush_output();
        checked.map_err(|error| Death::of(&self.store, &self.meter, &error))
    }

    /// Asks the instance what a session wants to know; it is told, or refused. Whether the
    /// instance was asked at all. After a death it cannot be used again.
    ///
    /// # Errors
    /// [`Death`] when it traps, or takes longer than whoever asks still waits.
    pub(crate) async fn answer(&mut self, due: Due) -> Result<bool, Death> {
        let Due { question, left } = due;
        self.store.data_mut().next_event();
        let name = question.name();
        let answered = async {
            let answered = {
                let asked = pin!(self.exports.ask(&mut self.store, question));
                self.meter.charge_within(left, asked).await
            };
            self.store.data().flush_output();
            answered.map_err(|error| Death::of(&self.store, &self.meter, &error))
        };
        contain(answered).await.map_err(|death| Death {
            reason: format!("when a session asked `{name}`: {}", death.reason),
            ..death
        })
    }
}
