//! From an event that the node delivers to the functions that want it.

use std::cell::RefCell;
use std::rc::Rc;

use hearken_pattern::wants_channel;
use hearken_wire::EventRef;
use rquickjs::{Ctx, Function, Object, Value};

use crate::attempts::Attempts;
use crate::bindings::hearken::plugin::progress;
use crate::event::{Delivered, EventObject};
use crate::failure::Failure;
use crate::registry::{self, Delivery, Listener};
use crate::{drive, failure};

thread_local! {
    static ATTEMPTS: RefCell<Attempts> = RefCell::default();
    /// The listener that handles a channel's event, until it appends something.
    static PART: RefCell<Option<Rc<Listener>>> = const { RefCell::new(None) };
}

/// Hands the events of a frame to listeners. Remembers which listeners want the last event's
/// type, since that of the next one is the same more often than not.
pub(crate) struct Dispatcher<'js> {
    ctx: Ctx<'js>,
    /// What the objects of events have in common.
    shared: Object<'js>,
    listeners: Vec<Ready<'js>>,
    event_type: Vec<u8>,
    /// Places among the listeners.
    wanting: Vec<usize>,
}

struct Ready<'js> {
    listener: Rc<Listener>,
    handler: Function<'js>,
}

impl Listener {
    fn is_live(&self) -> bool {
        self.delivery == Delivery::Live
    }

    /// Whether the events of this channel come to it by the channel.
    fn consumes(&self, channel: Option<&str>) -> bool {
        !self.is_live() && channel.is_some() && self.channel.as_deref() == channel
    }

    fn listens_to(&self, event_type: &str) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|(_, pattern)| pattern.matches(event_type))
    }

    /// Whether the filter wants the event, if it wants its type.
    fn wants(&self, event: EventRef<'_>, is_local: bool) -> bool {
        (!self.local_only || is_local)
            && (self.subject.is_none() || self.subject.as_deref() == event.subject())
            && self.channel.as_deref().is_none_or(|wanted| {
                let mut channel = event.channel().into_iter();
                channel.any(|channel| wants_channel(wanted, channel))
            })
    }
}

impl<'js> Dispatcher<'js> {
    /// # Errors
    /// When there is no memory for it.
    pub(crate) fn new(ctx: &Ctx<'js>) -> rquickjs::Result<Self> {
        let ready = |listener: Rc<Listener>| {
            let handler = listener.handler.clone().restore(ctx).ok()?;
            Some(Ready { listener, handler })
        };
        Ok(Self {
            ctx: ctx.clone(),
            shared: EventObject::shared(ctx)?,
            listeners: registry::listeners()
                .into_iter()
                .filter_map(ready)
                .collect(),
            event_type: Vec::new(),
            wanting: Vec::new(),
        })
    }

    /// Calls every listener that the delivery is meant for and whose filter matches. An event
    /// that matches none came because the operator gave the plugin other patterns, so it goes
    /// to all that the delivery is meant for.
    pub(crate) fn dispatch(&mut self, delivered: &Rc<Delivered>) -> Result<(), Failure> {
        let result = if delivered.is_of_channel() {
            self.consume(delivered)
        } else {
            self.call_live(delivered)
        };
        // What the text has kept of the event shall not keep the whole frame.
        delivered.detach_if_kept();
        result
    }

    fn call_live(&mut self, delivered: &Rc<Delivered>) -> Result<(), Failure> {
        delivered.read(|event| self.look_up(event));
        let mut called = Called::new(self, delivered);
        let mut is_declared = false;
        for at in &self.wanting {
            let ready = &self.listeners[*at];
            if delivered.read(|event| ready.listener.wants(event, delivered.is_local())) {
                is_declared = true;
                called.call(ready);
            }
        }
        if !is_declared {
            let live = self
                .listeners
                .iter()
                .filter(|ready| ready.listener.is_live());
            live.for_each(|ready| called.call(ready));
        }
        called.result()
    }

    fn look_up(&mut self, event: EventRef<'_>) {
        if self.event_type == event.type_bytes() && !self.event_type.is_empty() {
            return;
        }
        self.event_type.clear();
        self.event_type.extend_from_slice(event.type_bytes());
        let event_type = event.event_type();
        let wanting =
            self.listeners.iter().enumerate().filter(|(_, ready)| {
                ready.listener.is_live() && ready.listener.listens_to(event_type)
            });
        self.wanting = wanting.map(|(at, _)| at).collect();
    }

    /// Hands an event that its channel delivers to the listeners on that channel whose filters
    /// match; to none if it was asked for by a version before this one. One that is done with
    /// it, because it has handled or rejected it at an attempt before, is not called again.
    fn consume(&self, delivered: &Rc<Delivered>) -> Result<(), Failure> {
        let mut called = Called::new(self, delivered);
        let mut done = delivered.read(|event| {
            ATTEMPTS.with_borrow_mut(|attempts| attempts.take(event, delivered.is_retry()))
        });
        for (at, ready) in self.listeners.iter().enumerate() {
            let listener = &ready.listener;
            let is_meant = delivered.read(|event| {
                listener.consumes(event.channel())
                    && listener.listens_to(event.event_type())
                    && listener.wants(event, delivered.is_local())
            });
            if !is_meant {
                continue;
            }
            if let Some((_, rejected)) = done.iter().find(|(done, _)| *done == at) {
                called.failures.extend(
                    rejected
                        .clone()
                        .map(|failure| (listener.name.clone(), failure)),
                );
                continue;
            }
            PART.set(Some(Rc::clone(listener)));
            let before = called.failures.len();
            called.call(ready);
            PART.set(None);
            match called.failures.get(before) {
                Some((_, failure)) if !failure.rejected => {}
                failed => done.push((at, failed.map(|(_, failure)| failure.clone()))),
            }
        }
        let result = called.result();
        if let Err(failure) = &result
            && !failure.rejected
        {
            delivered.read(|event| {
                ATTEMPTS.with_borrow_mut(|attempts| attempts.keep(event, done));
            });
        }
        result
    }
}

/// Who has been called with an event, and what came of it.
struct Called<'a, 'js> {
    of: &'a Dispatcher<'js>,
    delivered: &'a Rc<Delivered>,
    /// Made when the first is called.
    event: Option<Value<'js>>,
    failures: Vec<(String, Failure)>,
}

impl<'a, 'js> Called<'a, 'js> {
    fn new(of: &'a Dispatcher<'js>, delivered: &'a Rc<Delivered>) -> Self {
        Self {
            of,
            delivered,
            event: None,
            failures: Vec::new(),
        }
    }

    fn call(&mut self, ready: &Ready<'js>) {
        if let Err(failure) = self.try_call(ready) {
            self.failures.push((ready.listener.name.clone(), failure));
        }
    }

    fn try_call(&mut self, ready: &Ready<'js>) -> Result<(), Failure> {
        let ctx = &self.of.ctx;
        let event = match &self.event {
            Some(event) => event,
            None => {
                let event = EventObject::with(&self.of.shared, self.delivered);
                let event = event.map_err(|error| failure::caught(ctx, &error))?;
                self.event.insert(event)
            }
        };
        drive::handle(ctx, &ready.listener.name, &ready.handler, event)
    }

    fn result(self) -> Result<(), Failure> {
        match self.failures.is_empty() {
            true => Ok(()),
            false => Err(Failure::all(&self.failures)),
        }
    }
}

/// What a listener appends is counted for it: to be called before. The node is told at the
/// first of them, since most listeners append nothing.
pub(crate) fn begin_part() {
    if let Some(listener) = PART.take() {
        progress::part(&listener.name);
    }
}
