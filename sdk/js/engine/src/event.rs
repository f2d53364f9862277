//! An event as the text sees it: an object whose properties are read from the frame when they
//! are asked for.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use hearken_wire::EventRef;
use hearken_wire::frame::Delivery;
use rquickjs::class::{JsClass, Readable, Trace, Tracer};
use rquickjs::function::{Constructor, This};
use rquickjs::object::{Accessor, Property};
use rquickjs::{
    Class, Ctx, Error, Function, IntoJs, JsLifetime, Object, Persistent, Result,
    String as JsString, TypedArray, Value,
};

use crate::values;

/// An event of a frame, or one alone.
pub(crate) struct Delivered {
    bytes: RefCell<(Rc<Vec<u8>>, Range<usize>)>,
    local: bool,
    channel: bool,
    retry: bool,
}

impl Delivered {
    /// The event of a delivery.
    pub(crate) fn new(frame: Rc<Vec<u8>>, delivery: &Delivery) -> Rc<Self> {
        Rc::new(Self {
            bytes: RefCell::new((frame, delivery.event.clone())),
            local: delivery.local,
            channel: delivery.channel,
            retry: delivery.retry,
        })
    }

    /// One that was not delivered but asked for.
    pub(crate) fn alone(event: Vec<u8>, local: bool) -> Rc<Self> {
        let all = 0..event.len();
        Rc::new(Self {
            bytes: RefCell::new((Rc::new(event), all)),
            local,
            channel: false,
            retry: false,
        })
    }

    /// Whether it was published on this node.
    pub(crate) fn is_local(&self) -> bool {
        self.local
    }

    /// Whether its channel delivers it.
    pub(crate) fn is_of_channel(&self) -> bool {
        self.channel
    }

    /// Whether its channel has delivered it before.
    pub(crate) fn is_retry(&self) -> bool {
        self.retry
    }

    /// Looks at it.
    pub(crate) fn read<R>(&self, read: impl FnOnce(EventRef<'_>) -> R) -> R {
        let (buffer, event) = &*self.bytes.borrow();
        read(EventRef::assume_encoded(
            buffer.get(event.clone()).unwrap_or_default(),
        ))
    }

    /// Copies it out of its frame if somebody else has it too, so that who keeps an event does
    /// not keep all others of the frame.
    pub(crate) fn detach_if_kept(self: &Rc<Self>) {
        if Rc::strong_count(self) == 1 {
            return;
        }
        let mut bytes = self.bytes.borrow_mut();
        let (buffer, event) = &*bytes;
        if event.len() < buffer.len() {
            let alone = buffer.get(event.clone()).unwrap_or_default().to_vec();
            let all = 0..alone.len();
            *bytes = (Rc::new(alone), all);
        }
    }
}

/// What the text is given.
pub(crate) struct EventObject(Rc<Delivered>);

impl EventObject {
    /// The object for an event.
    pub(crate) fn of<'js>(ctx: &Ctx<'js>, delivered: &Rc<Delivered>) -> Result<Value<'js>> {
        Self::with(&Self::shared(ctx)?, delivered)
    }

    /// What the objects of all events have in common.
    pub(crate) fn shared<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
        let prototype = Class::<Self>::prototype(ctx)?;
        prototype.ok_or_else(|| Error::new_loading(Self::NAME))
    }

    /// The object for an event, where what they have in common is at hand.
    pub(crate) fn with<'js>(shared: &Object<'js>, delivered: &Rc<Delivered>) -> Result<Value<'js>> {
        Class::instance_proto(Self(Rc::clone(delivered)), shared.clone()).map(Class::into_value)
    }
}

impl<'js> Trace<'js> for EventObject {
    fn trace<'a>(&self, _: Tracer<'a, 'js>) {}
}

#[expect(unsafe_code, reason = "it holds nothing of the context")]
// SAFETY: there is no lifetime in it.
unsafe impl<'js> JsLifetime<'js> for EventObject {
    type Changed<'to> = EventObject;
}

impl<'js> JsClass<'js> for EventObject {
    const NAME: &'static str = "Event";

    type Mutable = Readable;

    fn prototype(ctx: &Ctx<'js>) -> Result<Option<Object<'js>>> {
        let prototype = Object::new(ctx.clone())?;
        for (name, read) in GETTERS {
            let get = move |ctx: Ctx<'js>, this: This<Class<'js, Self>>| {
                let delivered = Rc::clone(&this.borrow().0);
                read(&ctx, &delivered)
            };
            prototype.prop(*name, Accessor::from(get).enumerable().configurable())?;
        }
        prototype.prop("data", Accessor::from(data).enumerable().configurable())?;
        prototype.prop(
            "extensions",
            Accessor::from(extensions).enumerable().configurable(),
        )?;
        for (name, method) in [
            ("text", Function::new(ctx.clone(), text)?),
            ("bytes", Function::new(ctx.clone(), bytes)?),
            ("toJSON", Function::new(ctx.clone(), to_json)?),
        ] {
            let method = method.with_name(name)?;
            prototype.prop(name, Property::from(method).writable().configurable())?;
        }
        Ok(Some(prototype))
    }

    fn constructor(_: &Ctx<'js>) -> Result<Option<Constructor<'js>>> {
        Ok(None)
    }
}

type Read = for<'js> fn(&Ctx<'js>, &Delivered) -> Result<Value<'js>>;

/// The attributes, as CloudEvents in JSON has them.
const GETTERS: &[(&str, Read)] = &[
    ("specversion", |ctx, _| "1.0".into_js(ctx)),
    ("id", |ctx, delivered| {
        delivered.read(|event| event.id().into_js(ctx))
    }),
    ("source", |ctx, delivered| {
        delivered.read(|event| event.source().into_js(ctx))
    }),
    ("type", event_type),
    ("subject", |ctx, delivered| {
        delivered.read(|event| event.subject().into_js(ctx))
    }),
    ("time", |ctx, delivered| {
        delivered.read(|event| match event.producer_time() {
            Some(time) => time.into_js(ctx),
            None => values::rfc3339(event.recorded_time()).into_js(ctx),
        })
    }),
    ("recordedtime", |ctx, delivered| {
        delivered.read(|event| values::rfc3339(event.recorded_time()).into_js(ctx))
    }),
    ("datacontenttype", |ctx, delivered| {
        delivered.read(|event| event.datacontenttype().into_js(ctx))
    }),
    ("distributed", |ctx, delivered| {
        delivered.read(|event| event.distributed().into_js(ctx))
    }),
    ("origin", |ctx, delivered| {
        delivered.read(|event| event.origin().into_js(ctx))
    }),
    ("localorigin", |ctx, delivered| {
        delivered.is_local().into_js(ctx)
    }),
    ("channel", |ctx, delivered| {
        delivered.read(|event| event.channel().into_js(ctx))
    }),
    ("sequence", |ctx, delivered| {
        delivered.read(|event| event.sequence().map(values::number).into_js(ctx))
    }),
    ("traceparent", |ctx, delivered| {
        delivered.read(|event| event.traceparent().into_js(ctx))
    }),
    ("tracestate", |ctx, delivered| {
        delivered.read(|event| event.tracestate().into_js(ctx))
    }),
];

thread_local! {
    /// The type that was asked for last, since the next is the same more often than not.
    static LAST_TYPE: RefCell<Option<(Vec<u8>, Persistent<Value<'static>>)>> = const {
        RefCell::new(None)
    };
}

fn event_type<'js>(ctx: &Ctx<'js>, delivered: &Delivered) -> Result<Value<'js>> {
    delivered.read(|event| {
        LAST_TYPE.with_borrow_mut(|last| {
            if let Some((bytes, value)) = last
                && bytes == event.type_bytes()
            {
                return value.clone().restore(ctx);
            }
            let value = event.event_type().into_js(ctx)?;
            *last = Some((
                event.type_bytes().to_vec(),
                Persistent::save(ctx, value.clone()),
            ));
            Ok(value)
        })
    })
}

type Receiver<'js> = This<Class<'js, EventObject>>;

/// The data, by its media type, which then stands in the place of this getter.
fn data<'js>(ctx: Ctx<'js>, this: Receiver<'js>) -> Result<Value<'js>> {
    let delivered = Rc::clone(&this.borrow().0);
    let value = delivered.read(|event| match event.data() {
        None => Ok(Value::new_null(ctx.clone())),
        Some(data) => values::of_data(&ctx, event.datacontenttype(), data).map_err(|error| {
            let why = crate::failure::caught(&ctx, &error).reason;
            let why = why.lines().next().unwrap_or_default();
            let message = format!(
                "the data of event {} (`{}`) is not the {} that it says: {why}",
                event.id(),
                event.event_type(),
                event.datacontenttype()
            );
            values::throw_rejecting(&ctx, &message)
        }),
    })?;
    stand_in(&ctx, &this, "data", &value);
    Ok(value)
}

/// Puts a value in the place of a getter, unless the text has frozen the event: then it is read
/// anew each time.
fn stand_in<'js>(ctx: &Ctx<'js>, this: &Receiver<'js>, name: &str, value: &Value<'js>) {
    let property = Property::from(value.clone());
    let property = property.writable().configurable().enumerable();
    if this.prop(name, property).is_err() {
        ctx.catch();
    }
}

fn extensions<'js>(ctx: Ctx<'js>, this: Receiver<'js>) -> Result<Value<'js>> {
    let delivered = Rc::clone(&this.borrow().0);
    let extensions = Object::new(ctx.clone())?;
    delivered.read(|event| {
        let mut all = event.extensions();
        all.try_for_each(|(name, _, value)| extensions.set(name, value))
    })?;
    let value = extensions.into_value();
    stand_in(&ctx, &this, "extensions", &value);
    Ok(value)
}

fn text<'js>(ctx: Ctx<'js>, this: Receiver<'js>) -> Result<JsString<'js>> {
    let delivered = Rc::clone(&this.borrow().0);
    delivered.read(|event| {
        let data = event.data().unwrap_or_default();
        JsString::from_str(ctx, &String::from_utf8_lossy(data))
    })
}

fn bytes<'js>(ctx: Ctx<'js>, this: Receiver<'js>) -> Result<TypedArray<'js, u8>> {
    let delivered = Rc::clone(&this.borrow().0);
    delivered.read(|event| TypedArray::new_copy(ctx, event.data().unwrap_or_default()))
}

/// As CloudEvents in JSON has it, for who prints it or hands it on.
fn to_json<'js>(ctx: Ctx<'js>, this: Receiver<'js>) -> Result<Object<'js>> {
    let delivered = Rc::clone(&this.borrow().0);
    let json = Object::new(ctx.clone())?;
    for (name, read) in GETTERS {
        let value = read(&ctx, &delivered)?;
        if !value.is_undefined() {
            json.set(*name, value)?;
        }
    }
    delivered.read(|event| {
        let mut extensions = event.extensions();
        extensions.try_for_each(|(name, _, value)| json.set(name, value))
    })?;
    if delivered.read(|event| event.data().is_some()) {
        let value = this.get::<_, Value<'_>>("data")?;
        let bytes = value.as_object().and_then(values::bytes_of);
        match bytes {
            Some(bytes) => json.set("data_base64", values::base64(&bytes))?,
            None => json.set("data", value)?,
        }
    }
    Ok(json)
}
