//! `bucket(name)`: the node's key-value store.

use std::cell::OnceCell;
use std::rc::Rc;

use rquickjs::function::Opt;
use rquickjs::{Ctx, Error, Function, Object, Result, TypedArray, Value};

use super::publishing::object;
use crate::bindings::wasi::keyvalue::{atomics, batch, store};
use crate::text::{self, Text};
use crate::{ahead, values};

/// A bucket, and its name.
struct Named {
    name: String,
    /// Open, but where the text is evaluated ahead: there it is opened when it is first used.
    open: OnceCell<store::Bucket>,
}

type Bucket = Rc<Named>;

impl Named {
    fn open(&self, ctx: &Ctx<'_>) -> Result<&store::Bucket> {
        if let Some(open) = self.open.get() {
            return Ok(open);
        }
        ahead::check_here(ctx, "what is in a bucket")?;
        let open = store::open(&self.name).map_err(|error| throw(ctx, error))?;
        Ok(self.open.get_or_init(|| open))
    }
}

/// Opens a bucket.
pub(super) fn bucket<'js>(ctx: Ctx<'js>, Text(name): Text) -> Result<Object<'js>> {
    let bucket = Rc::new(Named {
        name: name.clone(),
        open: OnceCell::new(),
    });
    if !ahead::is_ahead() {
        bucket.open(&ctx)?;
    }
    let methods = object(&ctx)?;
    methods.set("name", name)?;
    for (name, method) in [
        ("get", get(&ctx, &bucket)?),
        ("getBytes", get_bytes(&ctx, &bucket)?),
        ("set", set(&ctx, &bucket)?),
        ("delete", delete(&ctx, &bucket)?),
        ("has", has(&ctx, &bucket)?),
        ("keys", keys(&ctx, &bucket)?),
        ("increment", increment(&ctx, &bucket)?),
        ("getMany", get_many(&ctx, &bucket)?),
        ("setMany", set_many(&ctx, &bucket)?),
        ("deleteMany", delete_many(&ctx, &bucket)?),
    ] {
        methods.set(name, method.with_name(name)?)?;
    }
    Ok(methods)
}

fn throw(ctx: &Ctx<'_>, error: store::Error) -> Error {
    let (code, message) = match error {
        store::Error::NoSuchStore => (
            "no-such-store",
            "there is no such bucket in the key-value store".to_owned(),
        ),
        store::Error::AccessDenied => (
            "denied",
            "access to the bucket is denied; grant it with `[allow] keyvalue` in the manifest"
                .to_owned(),
        ),
        store::Error::Other(why) => ("failed", format!("the key-value store failed: {why}")),
    };
    values::throw_coded(ctx, "KeyValueError", code, &message)
}

/// What JSON a value is.
fn read<'js>(ctx: &Ctx<'js>, key: &str, value: &[u8]) -> Result<Value<'js>> {
    ctx.json_parse(value).map_err(|error| {
        if error.is_exception() {
            ctx.catch();
        }
        let message = format!("the value of `{key}` is not JSON; use getBytes");
        values::throw_coded(ctx, "KeyValueError", "not-json", &message)
    })
}

fn get<'js>(ctx: &Ctx<'js>, bucket: &Bucket) -> Result<Function<'js>> {
    let bucket = Rc::clone(bucket);
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, Text(key): Text| -> Result<Value<'js>> {
            match bucket
                .open(&ctx)?
                .get(&key)
                .map_err(|error| throw(&ctx, error))?
            {
                Some(value) => read(&ctx, &key, &value),
                None => Ok(Value::new_undefined(ctx)),
            }
        },
    )
}

fn get_bytes<'js>(ctx: &Ctx<'js>, bucket: &Bucket) -> Result<Function<'js>> {
    let bucket = Rc::clone(bucket);
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, Text(key): Text| {
        let value = bucket
            .open(&ctx)?
            .get(&key)
            .map_err(|error| throw(&ctx, error))?;
        value
            .map(|value| TypedArray::<u8>::new(ctx, value))
            .transpose()
    })
}

fn set<'js>(ctx: &Ctx<'js>, bucket: &Bucket) -> Result<Function<'js>> {
    let bucket = Rc::clone(bucket);
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, Text(key): Text, value: Value<'js>| {
            let value = values::data_of(&ctx, &value)?;
            bucket
                .open(&ctx)?
                .set(&key, &value)
                .map_err(|error| throw(&ctx, error))
        },
    )
}

fn delete<'js>(ctx: &Ctx<'js>, bucket: &Bucket) -> Result<Function<'js>> {
    let bucket = Rc::clone(bucket);
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, Text(key): Text| {
        bucket
            .open(&ctx)?
            .delete(&key)
            .map_err(|error| throw(&ctx, error))
    })
}

fn has<'js>(ctx: &Ctx<'js>, bucket: &Bucket) -> Result<Function<'js>> {
    let bucket = Rc::clone(bucket);
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, Text(key): Text| {
        bucket
            .open(&ctx)?
            .exists(&key)
            .map_err(|error| throw(&ctx, error))
    })
}

/// A page of keys, and by what the next is asked for.
fn keys<'js>(ctx: &Ctx<'js>, bucket: &Bucket) -> Result<Function<'js>> {
    let bucket = Rc::clone(bucket);
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, next: Opt<Value<'js>>| {
        let next = next
            .0
            .and_then(|next| next.as_number())
            .and_then(values::whole);
        let page = bucket
            .open(&ctx)?
            .list_keys(next)
            .map_err(|error| throw(&ctx, error))?;
        let object = object(&ctx)?;
        object.set("keys", page.keys)?;
        if let Some(cursor) = page.cursor {
            object.set("next", values::number(cursor))?;
        }
        Ok::<_, Error>(object)
    })
}

fn increment<'js>(ctx: &Ctx<'js>, bucket: &Bucket) -> Result<Function<'js>> {
    let bucket = Rc::clone(bucket);
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, Text(key): Text, delta: Opt<f64>| {
            let Some(delta) = values::whole(delta.0.unwrap_or(1.0)) else {
                let message = "increment: by a whole number that is not below zero";
                return Err(values::throw(&ctx, "RangeError", message));
            };
            let sum = atomics::increment(bucket.open(&ctx)?, &key, delta)
                .map_err(|error| throw(&ctx, error))?;
            Ok(values::number(sum))
        },
    )
}

fn keys_of(ctx: &Ctx<'_>, keys: Vec<Text>) -> Result<Vec<String>> {
    text::check_all(ctx, keys.iter().map(|Text(key)| key.len()))?;
    Ok(keys.into_iter().map(|Text(key)| key).collect())
}

/// An object with those that there are.
fn get_many<'js>(ctx: &Ctx<'js>, bucket: &Bucket) -> Result<Function<'js>> {
    let bucket = Rc::clone(bucket);
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, keys: Vec<Text>| {
        let keys = keys_of(&ctx, keys)?;
        let values =
            batch::get_many(bucket.open(&ctx)?, &keys).map_err(|error| throw(&ctx, error))?;
        let object = object(&ctx)?;
        for (key, value) in values.into_iter().flatten() {
            let value = read(&ctx, &key, &value)?;
            values::define(&object, &key, value)?;
        }
        Ok::<_, Error>(object)
    })
}

fn set_many<'js>(ctx: &Ctx<'js>, bucket: &Bucket) -> Result<Function<'js>> {
    let bucket = Rc::clone(bucket);
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, entries: Object<'js>| {
        let entries = entries.props::<Text, Value<'js>>().map(|entry| {
            let (Text(key), value) = entry?;
            Ok((key, values::data_of(&ctx, &value)?))
        });
        let entries: Vec<(String, Vec<u8>)> = entries.collect::<Result<_>>()?;
        text::check_all(
            &ctx,
            entries.iter().map(|(key, value)| key.len() + value.len()),
        )?;
        batch::set_many(bucket.open(&ctx)?, &entries).map_err(|error| throw(&ctx, error))
    })
}

fn delete_many<'js>(ctx: &Ctx<'js>, bucket: &Bucket) -> Result<Function<'js>> {
    let bucket = Rc::clone(bucket);
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, keys: Vec<Text>| {
        let keys = keys_of(&ctx, keys)?;
        batch::delete_many(bucket.open(&ctx)?, &keys).map_err(|error| throw(&ctx, error))
    })
}
