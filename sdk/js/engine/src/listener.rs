//! The component as a listener.

use std::rc::Rc;

use hearken_wire::frame::Deliveries;

use crate::bindings::Engine;
use crate::bindings::exports::hearken::plugin::framed_listener::Guest;
use crate::bindings::hearken::plugin::{progress as told, types};
use crate::dispatch::Dispatcher;
use crate::event::Delivered;
use crate::failure::Failure;
use crate::registry::{Delivery, Listener, StartingPoint};
use crate::{progress, registry, start};

impl Guest for Engine {
    fn describe() -> types::Description {
        start::ensure();
        let listeners = registry::listeners();
        types::Description {
            version: registry::version(),
            listeners: listeners
                .iter()
                .flat_map(|listener| {
                    let patterns = listener.patterns.iter();
                    patterns.map(|(pattern, _)| described(listener, pattern))
                })
                .collect(),
        }
    }

    fn handle(frame: Vec<u8>) {
        let frame = Rc::new(frame);
        start::with(|ctx| {
            let Ok(mut dispatcher) = Dispatcher::new(ctx) else {
                start::give_up("there is no memory for an event");
            };
            for delivery in Deliveries::new(&frame) {
                if !progress::begin() {
                    return;
                }
                let Ok(delivery) = delivery else {
                    start::give_up("the node has sent a frame that is none");
                };
                let delivered = Delivered::new(Rc::clone(&frame), &delivery);
                if let Err(failure) = dispatcher.dispatch(&delivered) {
                    tell(&failure);
                }
            }
        });
    }
}

fn tell(failure: &Failure) {
    match (failure.rejected, failure.after) {
        (true, _) => told::reject(&failure.reason),
        (false, Some(after)) => told::retry(&failure.reason, after),
        (false, None) => told::fail(&failure.reason),
    }
}

fn described(listener: &Listener, pattern: &str) -> types::ListenerDescription {
    types::ListenerDescription {
        name: listener.name.clone(),
        filter: types::Filter {
            pattern: pattern.to_owned(),
            subject: listener.subject.clone(),
            channel: listener.channel.clone(),
            local_only: listener.local_only,
        },
        delivery: delivery(listener),
    }
}

fn delivery(listener: &Listener) -> types::Delivery {
    let (Delivery::Channel(from), Some(name)) = (listener.delivery, &listener.channel) else {
        return types::Delivery::Live;
    };
    types::Delivery::Channel(types::ChannelDelivery {
        name: name.clone(),
        from: from.map(|from| match from {
            StartingPoint::First => types::StartingPoint::First,
            StartingPoint::New => types::StartingPoint::New,
            StartingPoint::After(after) => types::StartingPoint::After(after),
        }),
    })
}
