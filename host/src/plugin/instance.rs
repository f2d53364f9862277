//! Versions of a plugin, and the instances that run them.

use std::sync::Arc;

use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, InstancePre};
use wasmtime::{Store, Trap, WasmBacktrace};

use super::bindings::messaging::exports::wasmcloud::messaging::handler as messaging;
use super::bindings::messaging::{MessagingGuest, MessagingGuestPre};
use super::bindings::plugin::exports::hearken::plugin::listener;
use super::bindings::plugin::{Plugin, PluginPre};
use super::executor::Seat;
use super::guest::{Guest, MAX_CALL_BYTES, PluginContext};
use super::imports::messaging::reply_to_of;
use super::meter::Meter;
use crate::config::Manifest;
use crate::config::PluginLimits;
use crate::event::Event;
use crate::interfaces;

/// Interface of listeners written for Hearken.
pub(super) const LISTENER: &str = "hearken:plugin/listener@0.1.0";

/// Interface of components written for wasmCloud.
pub(super) const MESSAGING: &str = "wasmcloud:messaging/handler@0.2.0";

/// Longest error text of a handler in bytes; what is longer is cut.
const MAX_ERROR_BYTES: usize = 4 << 10;

/// A component with its manifest, ready to be instantiated.
pub(super) struct Version {
    pub(super) plugin: Arc<PluginContext>,
    pub(super) content_hash: blake3::Hash,
    pub(super) manifest: Manifest,
    pub(super) limits: PluginLimits,
    allow: Arc<crate::config::Allow>,
    engine: wasmtime::Engine,
    handler: HandlerPre,
}

enum HandlerPre {
    Listener(PluginPre<Guest>),
    Messaging(MessagingGuestPre<Guest>),
}

/// A running instance.
pub(super) struct Instance {
    store: Store<Guest>,
    handler: Handler,
    meter: Arc<Meter>,
}

enum Handler {
    Listener(Plugin),
    Messaging(MessagingGuest),
}

/// Why an instance is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Death {
    pub(super) reason: String,
    /// The guest's stack, innermost call first.
    pub(super) backtrace: Option<String>,
}

impl Version {
    /// Links a component.
    ///
    /// # Errors
    /// Says which import is missing, or that there is no handler.
    pub(super) fn link(
        plugin: Arc<PluginContext>,
        component: &Component,
        linker: &wasmtime::component::Linker<Guest>,
        content_hash: blake3::Hash,
        manifest: Manifest,
        limits: PluginLimits,
    ) -> Result<Self, String> {
        let missing = missing_imports(component);
        if !missing.is_empty() {
            return Err(missing.join("; "));
        }
        let pre = linker
            .instantiate_pre(component)
            .map_err(|error| format!("{error:#}"))?;
        Ok(Self {
            plugin,
            content_hash,
            allow: Arc::new(manifest.allow.clone()),
            manifest,
            limits,
            engine: component.engine().clone(),
            handler: handler(component, pre)?,
        })
    }

    pub(super) fn interface(&self) -> &'static str {
        match self.handler {
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
    ) -> Result<(Instance, Option<listener::Description>), Death> {
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
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(MAX_CALL_BYTES);
        store.epoch_deadline_callback(|guest| Ok(guest.data().meter.on_tick()));
        store.set_epoch_deadline(1);
        let started = meter.charge(async {
            match &self.handler {
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
        let started: wasmtime::Result<(Handler, Option<listener::Description>)> =
            match started.await {
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
            Err(error) => Err(death(&store, &meter, &error)),
        }
    }
}

/// Finds the handler that the component exports.
fn handler(component: &Component, pre: InstancePre<Guest>) -> Result<HandlerPre, String> {
    let wrong = |error: wasmtime::Error| format!("{error:#}");
    match exported_handler(component)?.interface {
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
    /// Hands the instance one event; the inner error is what the handler said.
    ///
    /// # Errors
    /// [`Death`]: the instance cannot be used again.
    pub(super) async fn handle(&mut self, event: &Event) -> Result<Result<(), String>, Death> {
        self.store.data_mut().in_hand = Some(event.clone());
        self.store.set_hostcall_fuel(MAX_CALL_BYTES);
        let Self {
            store,
            handler,
            meter,
        } = self;
        let handled = match handler {
            Handler::Listener(plugin) => {
                let node = Arc::clone(store.data().plugin.bus.node());
                let extensions: Vec<(String, String)> = event
                    .extensions()
                    .map(|(name, value)| (name.to_owned(), value.to_string()))
                    .collect();
                let extensions: Vec<(&str, &str)> = extensions
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                let event = lower(event, &node, &extensions);
                meter
                    .charge(plugin.hearken_plugin_listener().call_handle(store, event))
                    .await
            }
            Handler::Messaging(guest) => {
                let reply_to = reply_to_of(event);
                let message = messaging::BrokerMessage {
                    subject: event.event_type(),
                    body: event.data().unwrap_or_default(),
                    reply_to: reply_to.as_deref(),
                };
                meter
                    .charge(
                        guest
                            .wasmcloud_messaging_handler()
                            .call_handle_message(store, message),
                    )
                    .await
            }
        };
        self.store.data_mut().in_hand = None;
        self.store.data().flush_output();
        let handled = match handled {
            Ok(handled) => handled,
            Err(exceeded) => Err(exceeded.into()),
        };
        match handled {
            Ok(Ok(())) => Ok(Ok(())),
            Ok(Err(text)) => Ok(Err(cut(text))),
            Err(error) => Err(death(&self.store, &self.meter, &error)),
        }
    }
}

fn lower<'a>(
    event: &'a Event,
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

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_ERROR_BYTES));
    text
}

/// Says why an instance died, in the words of whoever set the limit it ran into.
fn death(store: &Store<Guest>, meter: &Meter, error: &wasmtime::Error) -> Death {
    let guest = store.data();
    guest.flush_output();
    let last_words = guest.plugin.log.take_last_words();
    let mut reason = if let Some(exceeded) = meter.exceeded() {
        exceeded.to_string()
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        match trap {
            Trap::StackOverflow => "stack overflow: a recursion went too deep".to_owned(),
            trap => trap.to_string(),
        }
    } else {
        error.root_cause().to_string()
    };
    if let Some(limit) = guest.memory.refused() {
        reason = format!(
            "memory limit of {} reached: {reason}",
            bytesize::ByteSize(limit)
        );
    }
    if !last_words.is_empty() {
        reason = format!("{reason}; last words on stderr: {last_words}");
    }
    Death {
        reason: cut(reason),
        backtrace: error
            .downcast_ref::<WasmBacktrace>()
            .map(|trace| cut(trace.to_string())),
    }
}
