//! Versions of a plugin, and the instances that run them.

use std::ops::Range;
use std::sync::Arc;

use hearken_wire::EventRef;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, InstancePre};
use wasmtime::{AsContextMut, CallHook, Store};

use super::batch::{self, Failure};
use super::bindings::framed::{Framed, FramedPre};
use super::bindings::messaging::exports::wasmcloud::messaging::handler as messaging;
use super::bindings::messaging::{MessagingGuest, MessagingGuestPre};
use super::bindings::plugin::exports::hearken::plugin::listener;
use super::bindings::plugin::hearken::plugin::types::Description;
use super::bindings::plugin::{Plugin, PluginPre};
use super::contain::contain;
use super::death::Death;
use super::guest::{Guest, PluginContext};
use super::imports::messaging::reply_to_of;
use super::meter::{Meter, Spent};
use super::seat::Seat;
use crate::bus::Frame;
use crate::config::{Manifest, PluginLimits};
use crate::interfaces;

/// Interface of listeners that take packed frames of events.
const FRAMED_LISTENER: &str = "hearken:plugin/framed-listener@0.1.0";

/// Interface of listeners that take one event a call.
const LISTENER: &str = "hearken:plugin/listener@0.1.0";

/// Interface of components written for wasmCloud.
pub(super) const MESSAGING: &str = "wasmcloud:messaging/handler@0.2.0";

/// A component with its manifest, ready to be instantiated.
pub(super) struct Version {
    pub(super) plugin: Arc<PluginContext>,
    pub(super) content_hash: blake3::Hash,
    pub(super) manifest: Manifest,
    pub(super) limits: PluginLimits,
    allow: Arc<crate::config::Allow>,
    /// Kept in use, so that other plugins with the same file share it.
    component: Arc<Component>,
    handler: HandlerPre,
}

enum HandlerPre {
    Framed(FramedPre<Guest>),
    Listener(PluginPre<Guest>),
    Messaging(MessagingGuestPre<Guest>),
}

/// A running instance.
pub(super) struct Instance {
    store: Store<Guest>,
    handler: Handler,
    meter: Arc<Meter>,
}

/// What became of the events of a call.
#[derive(Debug)]
pub(super) struct Handled {
    /// How many of them, from the first, the guest is done with.
    pub(super) finished: usize,
    /// Which of those failed.
    pub(super) failures: Vec<Failure>,
    /// Why the instance died of the next one, if it did.
    pub(super) death: Option<Death>,
    /// What the call has cost.
    pub(super) spent: Spent,
}

enum Handler {
    Framed(Framed),
    Listener(Plugin),
    Messaging(MessagingGuest),
}

impl Version {
    /// Links a component.
    ///
    /// # Errors
    /// Says which import is missing, or that there is no handler.
    pub(super) fn link(
        plugin: Arc<PluginContext>,
        component: Arc<Component>,
        linker: &wasmtime::component::Linker<Guest>,
        content_hash: blake3::Hash,
        manifest: Manifest,
        limits: PluginLimits,
    ) -> Result<Self, String> {
        let missing = missing_imports(&component);
        if !missing.is_empty() {
            return Err(missing.join("; "));
        }
        let pre = linker
            .instantiate_pre(&component)
            .map_err(|error| format!("{error:#}"))?;
        Ok(Self {
            plugin,
            content_hash,
            allow: Arc::new(manifest.allow.clone()),
            manifest,
            limits,
            handler: handler(&component, pre)?,
            component,
        })
    }

    pub(super) fn interface(&self) -> &'static str {
        match self.handler {
            HandlerPre::Framed(_) => FRAMED_LISTENER,
            HandlerPre::Listener(_) => LISTENER,
            HandlerPre::Messaging(_) => MESSAGING,
        }
    }

    /// Instances that share the work.
    pub(super) fn concurrency(&self) -> usize {
        self.manifest.concurrency.unwrap_or(1)
    }

    /// Makes an instance and asks it what it is. Runs guest code, so call it on
    /// the executor, in the task that has `seat`.
    ///
    /// # Errors
    /// [`Death`] when it traps, takes longer than an event may, or needs more
    /// memory than it may.
    pub(super) async fn instantiate(
        &self,
        seat: Arc<Seat>,
    ) -> Result<(Instance, Option<Description>), Death> {
        let meter = Arc::new(Meter::new(
            seat,
            self.limits.deadline,
            self.limits.time_slice,
        ));
        let guest = Guest::new(
            Arc::clone(&self.plugin),
            Arc::clone(&self.allow),
            &self.manifest.config,
            self.limits.memory,
            Arc::clone(&meter),
        );
        let mut store = Store::new(self.component.engine(), guest);
        Guest::bound(&mut store);
        store.epoch_deadline_callback(|mut store| {
            batch::observe(store.as_context_mut())?;
            Ok(store.data().meter.on_tick())
        });
        store.set_epoch_deadline(1);
        store.call_hook(|store, transition| match transition {
            CallHook::CallingHost => Ok(batch::observe(store)?),
            _ => Ok(()),
        });
        let started = meter.charge(async {
            match &self.handler {
                HandlerPre::Framed(pre) => {
                    let framed = pre.instantiate_async(&mut store).await?;
                    let description = framed
                        .hearken_plugin_framed_listener()
                        .call_describe(&mut store)
                        .await?;
                    Ok((Handler::Framed(framed), Some(description)))
                }
                HandlerPre::Listener(pre) => {
                    let plugin = pre.instantiate_async(&mut store).await?;
                    let description = plugin
                        .hearken_plugin_listener()
                        .call_describe(&mut store)
                        .await?;
                    Ok((Handler::Listener(plugin), Some(description)))
                }
                HandlerPre::Messaging(pre) => {
                    let guest = pre.instantiate_async(&mut store).await?;
                    Ok((Handler::Messaging(guest), None))
                }
            }
        });
        let started: wasmtime::Result<(Handler, Option<Description>)> = match started.await {
            Ok(started) => started,
            Err(exceeded) => Err(exceeded.into()),
        };
        match started {
            Ok((handler, description)) => Ok((
                Instance {
                    store,
                    handler,
                    meter,
                },
                description,
            )),
            Err(error) => Err(Death::of(&store, &meter, &error)),
        }
    }
}

/// Finds the handler that the component exports.
fn handler(component: &Component, pre: InstancePre<Guest>) -> Result<HandlerPre, String> {
    let wrong = |error: wasmtime::Error| format!("{error:#}");
    match exported_handler(component)?.interface {
        FRAMED_LISTENER => FramedPre::new(pre).map(HandlerPre::Framed).map_err(wrong),
        LISTENER => PluginPre::new(pre).map(HandlerPre::Listener).map_err(wrong),
        _ => MessagingGuestPre::new(pre)
            .map(HandlerPre::Messaging)
            .map_err(wrong),
    }
}

fn exported_handler(component: &Component) -> Result<&'static interfaces::Handler, String> {
    let engine = component.engine();
    let component_type = component.component_type();
    let exports: Vec<(&str, ComponentInstance)> = component_type
        .exports(engine)
        .filter_map(|(name, item)| match item.ty {
            ComponentItem::ComponentInstance(instance) => Some((name, instance)),
            _ => None,
        })
        .collect();
    let exports: Vec<interfaces::Export<'_>> = exports
        .iter()
        .map(|(name, instance)| interfaces::Export {
            name,
            functions: instance.exports(engine).map(|(name, _)| name).collect(),
        })
        .collect();
    interfaces::find_handler(&exports)
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
    pub(super) fn takes_frames(&self) -> bool {
        matches!(self.handler, Handler::Framed(_)) && self.store.data().batch.is_counted()
    }

    /// Hands the instance events of a frame: one, or more if it takes frames; then they
    /// must be the last. After a death the instance cannot be used again.
    pub(super) async fn handle(&mut self, frame: &Arc<Frame>, events: Range<usize>) -> Handled {
        let handed = events.len();
        let guest = self.store.data_mut();
        guest.next_event();
        guest.batch.begin(Arc::clone(frame), events.clone());
        let called = contain(self.call(frame, events)).await;
        let guest = self.store.data_mut();
        let at = guest.batch.at();
        let mut failures = guest.batch.end();
        if called.is_err() {
            // The last words on the event in hand are those of the death.
            failures.retain(|failure| failure.index != at);
        }
        Handled {
            finished: if called.is_ok() { handed } else { at },
            failures,
            death: called.err(),
            spent: self.meter.spent(),
        }
    }

    async fn call(&mut self, frame: &Frame, events: Range<usize>) -> Result<(), Death> {
        let called = match (&self.handler, frame.event(events.start)) {
            (Handler::Framed(_), _) => self.call_framed(frame.bytes(events)).await,
            (_, Some(event)) => self.call_for_one(event).await,
            (_, None) => Ok(()),
        };
        let mut store = self.store.as_context_mut();
        // Where the guest stopped: after a trap nobody has looked yet.
        let observed = batch::observe(store.as_context_mut());
        let checked = called
            .and_then(|()| Ok(observed?))
            .and_then(|()| Ok(batch::check_finished(store.as_context_mut())?));
        store.data().flush_output();
        checked.map_err(|error| Death::of(&self.store, &self.meter, &error))
    }

    async fn call_framed(&mut self, events: &[u8]) -> wasmtime::Result<()> {
        let Handler::Framed(framed) = &self.handler else {
            return Ok(());
        };
        let framed = framed.hearken_plugin_framed_listener();
        let called = framed.call_handle(&mut self.store, events);
        let called = self.meter.charge(called).await;
        called.unwrap_or_else(|exceeded| Err(exceeded.into()))
    }

    async fn call_for_one(&mut self, event: EventRef<'_>) -> wasmtime::Result<()> {
        let Self {
            store,
            handler,
            meter,
        } = self;
        let handled = match handler {
            Handler::Listener(plugin) => {
                let node = Arc::clone(store.data().plugin.bus.node());
                let extensions: Vec<(&str, &str)> = event
                    .extensions()
                    .map(|(name, _, value)| (name, value))
                    .collect();
                let event = lower(event, &node, &extensions);
                let listener = plugin.hearken_plugin_listener();
                meter
                    .charge(listener.call_handle(store.as_context_mut(), event))
                    .await
            }
            Handler::Messaging(guest) => {
                let reply_to = reply_to_of(event);
                let message = messaging::BrokerMessage {
                    subject: event.event_type(),
                    body: event.data().unwrap_or_default(),
                    reply_to,
                };
                let handler = guest.wasmcloud_messaging_handler();
                meter
                    .charge(handler.call_handle_message(store.as_context_mut(), message))
                    .await
            }
            Handler::Framed(_) => return Ok(()),
        };
        let handled = handled.unwrap_or_else(|exceeded| Err(exceeded.into()));
        if let Err(reason) = handled? {
            store.data_mut().batch.fail(reason)?;
        }
        Ok(())
    }
}

fn lower<'a>(
    event: EventRef<'a>,
    node: &str,
    extensions: &'a [(&'a str, &'a str)],
) -> listener::Event<'a> {
    listener::Event {
        id: event.id(),
        source: event.source(),
        type_: event.event_type(),
        subject: event.subject(),
        time: event.time(),
        datacontenttype: event.datacontenttype(),
        data: event.data().unwrap_or_default(),
        distributed: event.distributed(),
        origin: event.origin(),
        localorigin: event.origin() == node,
        channel: event.channel(),
        sequence: event.sequence(),
        traceparent: event.traceparent(),
        tracestate: event.tracestate(),
        extensions,
    }
}
