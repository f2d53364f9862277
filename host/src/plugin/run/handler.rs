//! The ways to hand events over to a component, one for each that it may export.

use std::ops::Range;
use std::sync::Arc;

use hearken_wire::EventRef;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Instance, InstancePre};
use wasmtime::{AsContextMut, Store};

use crate::bus::Frame;
use crate::interfaces;
use crate::plugin::guest::batch::FailureKind;
use crate::plugin::guest::bindings::framed::{Framed, FramedIndices};
use crate::plugin::guest::bindings::framed_0_1::{
    Framed as Framed0_1, FramedIndices as Framed0_1Indices,
};
use crate::plugin::guest::bindings::messaging::exports::wasmcloud::messaging::handler as messaging;
use crate::plugin::guest::bindings::messaging::{MessagingGuest, MessagingGuestIndices};
use crate::plugin::guest::bindings::plugin::exports::hearken::plugin::listener;
use crate::plugin::guest::bindings::plugin::hearken::plugin::types::{self, Description};
use crate::plugin::guest::bindings::plugin::{Plugin, PluginIndices};
use crate::plugin::guest::bindings::plugin_0_1::exports::hearken::plugin::listener as listener_0_1;
use crate::plugin::guest::bindings::plugin_0_1::{
    Plugin as Plugin0_1, PluginIndices as Plugin0_1Indices,
};
use crate::plugin::guest::imports::messaging::reply_to_of;
use crate::plugin::guest::state::Guest;

/// A component's handler, ready to be found in its instances.
pub(crate) enum HandlerPre {
    Framed(FramedIndices),
    Framed0_1(Framed0_1Indices),
    Typed(PluginIndices),
    Typed0_1(Plugin0_1Indices),
    Messaging(MessagingGuestIndices),
}

/// The handler of an instance.
pub(crate) enum Handler {
    Framed(Framed),
    Framed0_1(Framed0_1),
    Typed(Plugin),
    Typed0_1(Plugin0_1),
    Messaging(MessagingGuest),
}

/// Finds what of a component's exports is called.
///
/// # Errors
/// Why there is nothing, and what to do about it.
pub(crate) fn exported(component: &Component) -> Result<interfaces::Called, String> {
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
    interfaces::find_called(&exports)
}

impl HandlerPre {
    /// Finds the handler that a component exports.
    ///
    /// # Errors
    /// When its functions have other types.
    pub(crate) fn new(
        exported: interfaces::Handler,
        pre: &InstancePre<Guest>,
    ) -> wasmtime::Result<Self> {
        match exported {
            interfaces::Handler::Framed => FramedIndices::new(pre).map(Self::Framed),
            interfaces::Handler::Framed0_1 => Framed0_1Indices::new(pre).map(Self::Framed0_1),
            interfaces::Handler::Typed => PluginIndices::new(pre).map(Self::Typed),
            interfaces::Handler::Typed0_1 => Plugin0_1Indices::new(pre).map(Self::Typed0_1),
            interfaces::Handler::Messaging => MessagingGuestIndices::new(pre).map(Self::Messaging),
        }
    }

    /// That of an instance, and what it says that it is, if it can say.
    ///
    /// # Errors
    /// When it traps.
    pub(crate) async fn start(
        &self,
        store: &mut Store<Guest>,
        instance: &Instance,
    ) -> wasmtime::Result<(Handler, Option<Description>)> {
        Ok(match self {
            Self::Framed(indices) => {
                let guest = indices.load(&mut *store, instance)?;
                let listener = guest.hearken_plugin_framed_listener();
                let description = listener.call_describe(store).await?;
                (Handler::Framed(guest), Some(description))
            }
            Self::Framed0_1(indices) => {
                let guest = indices.load(&mut *store, instance)?;
                let listener = guest.hearken_plugin_framed_listener();
                let description = listener.call_describe(store).await?;
                (Handler::Framed0_1(guest), Some(description.into()))
            }
            Self::Typed(indices) => {
                let guest = indices.load(&mut *store, instance)?;
                let listener = guest.hearken_plugin_listener();
                let description = listener.call_describe(store).await?;
                (Handler::Typed(guest), Some(description))
            }
            Self::Typed0_1(indices) => {
                let guest = indices.load(&mut *store, instance)?;
                let listener = guest.hearken_plugin_listener();
                let description = listener.call_describe(store).await?;
                (Handler::Typed0_1(guest), Some(description.into()))
            }
            Self::Messaging(indices) => {
                let guest = indices.load(store, instance)?;
                (Handler::Messaging(guest), None)
            }
        })
    }
}

impl Handler {
    /// Whether it takes more than one event a call.
    pub(crate) fn takes_frames(&self) -> bool {
        match self {
            Self::Framed(_) | Self::Framed0_1(_) => true,
            Self::Typed(_) | Self::Typed0_1(_) | Self::Messaging(_) => false,
        }
    }

    /// Hands over events of a frame, to a handler that takes none only the first: with
    /// which attempt it is, from 1, of a delivery of its channel, and none of a live one.
    /// What the guest says of that one is put down as the batch's failure.
    ///
    /// # Errors
    /// When the guest traps.
    pub(crate) async fn call(
        &self,
        store: &mut Store<Guest>,
        frame: &Frame,
        events: Range<usize>,
        attempt: Option<u32>,
    ) -> wasmtime::Result<()> {
        let Some(event) = frame.event(events.start) else {
            return Ok(());
        };
        let handled = match self {
            Self::Framed(guest) => {
                let listener = guest.hearken_plugin_framed_listener();
                return listener.call_handle(store, frame.bytes(events)).await;
            }
            Self::Framed0_1(guest) => {
                let listener = guest.hearken_plugin_framed_listener();
                return listener.call_handle(store, frame.bytes(events)).await;
            }
            Self::Typed(guest) => {
                let node = Arc::clone(store.data().plugin.bus.node());
                let extensions = event.extensions().map(|(name, _, value)| (name, value));
                let extensions: Vec<(&str, &str)> = extensions.collect();
                let event = lower(event, &node, &extensions);
                let listener = guest.hearken_plugin_listener();
                let called = listener.call_handle(store.as_context_mut(), event, attempt);
                called.await?.map_err(|failure| match failure {
                    types::Failure::Again(reason) => (FailureKind::Again, reason),
                    types::Failure::Reject(reason) => (FailureKind::Reject, reason),
                })
            }
            Self::Typed0_1(guest) => {
                let node = Arc::clone(store.data().plugin.bus.node());
                let extensions = event.encoded_extensions();
                let extensions = extensions.map(|(name, _, value)| (name, value));
                let extensions: Vec<(&str, &str)> = extensions.collect();
                let event = lower_0_1(event, &node, &extensions);
                let listener = guest.hearken_plugin_listener();
                let called = listener.call_handle(store.as_context_mut(), event);
                called.await?.map_err(|reason| (FailureKind::Again, reason))
            }
            Self::Messaging(guest) => {
                let message = messaging::BrokerMessage {
                    subject: event.event_type(),
                    body: event.data().unwrap_or_default(),
                    reply_to: reply_to_of(event),
                };
                let handler = guest.wasmcloud_messaging_handler();
                let called = handler.call_handle_message(store.as_context_mut(), message);
                called.await?.map_err(|reason| (FailureKind::Again, reason))
            }
        };
        if let Err((kind, reason)) = handled {
            store.data_mut().batch.fail(kind, reason)?;
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
        time: event.producer_time(),
        recorded_time: event.recorded_time(),
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

/// As version 0.1.0 of the package has it: what the producer says of time and sequence is
/// among the extensions, as it travels.
fn lower_0_1<'a>(
    event: EventRef<'a>,
    node: &str,
    extensions: &'a [(&'a str, &'a str)],
) -> listener_0_1::Event<'a> {
    listener_0_1::Event {
        id: event.id(),
        source: event.source(),
        type_: event.event_type(),
        subject: event.subject(),
        time: event.recorded_time(),
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
