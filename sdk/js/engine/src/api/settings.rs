//! What the manifest says: `config` and `secrets`.

use rquickjs::{Ctx, Error, Function, IntoJs as _, Object, Result, TypedArray, Value};

use crate::bindings::wasi::config::store as config_store;
use crate::bindings::wasmcloud::secrets::{reveal, store as secrets_store};
use crate::text::Text;
use crate::{ahead, values};

/// `config`.
pub(super) fn config<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let config = Object::new(ctx.clone())?;
    config.set(
        "get",
        Function::new(ctx.clone(), config_get)?.with_name("get")?,
    )?;
    config.set(
        "all",
        Function::new(ctx.clone(), config_all)?.with_name("all")?,
    )?;
    Ok(config)
}

fn config_get(ctx: Ctx<'_>, Text(key): Text) -> Result<Option<String>> {
    let value = config_store::get(&key).map_err(|error| config_error(&ctx, error))?;
    ahead::asked(&key, value.as_deref());
    Ok(value)
}

fn config_all(ctx: Ctx<'_>) -> Result<Object<'_>> {
    let all = config_store::get_all().map_err(|error| config_error(&ctx, error))?;
    ahead::asked_for_all(&all);
    let object = Object::new(ctx)?;
    for (key, value) in all {
        values::define(&object, &key, value)?;
    }
    Ok(object)
}

fn config_error(ctx: &Ctx<'_>, error: config_store::Error) -> Error {
    let (config_store::Error::Upstream(why) | config_store::Error::Io(why)) = error;
    let message = format!("the configuration cannot be read: {why}");
    values::throw_coded(ctx, "ConfigError", "unavailable", &message)
}

/// `secrets`.
pub(super) fn secrets<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let secrets = Object::new(ctx.clone())?;
    let get = Function::new(
        ctx.clone(),
        |ctx: Ctx<'js>, Text(key): Text| -> Result<Value<'js>> {
            match reveal_of(&ctx, &key)? {
                secrets_store::SecretValue::String(text) => text.into_js(&ctx),
                secrets_store::SecretValue::Bytes(bytes) => match String::from_utf8(bytes) {
                    Ok(text) => text.into_js(&ctx),
                    Err(_) => {
                        let message = format!("the secret `{key}` is no text; use secrets.bytes");
                        Err(values::throw_coded(
                            &ctx,
                            "SecretError",
                            "not-text",
                            &message,
                        ))
                    }
                },
            }
        },
    )?;
    let bytes = Function::new(ctx.clone(), |ctx: Ctx<'js>, Text(key): Text| {
        let bytes = match reveal_of(&ctx, &key)? {
            secrets_store::SecretValue::String(text) => text.into_bytes(),
            secrets_store::SecretValue::Bytes(bytes) => bytes,
        };
        TypedArray::<u8>::new(ctx, bytes)
    })?;
    secrets.set("get", get.with_name("get")?)?;
    secrets.set("bytes", bytes.with_name("bytes")?)?;
    Ok(secrets)
}

fn reveal_of(ctx: &Ctx<'_>, key: &str) -> Result<secrets_store::SecretValue> {
    ahead::check_here(ctx, "secrets.get")?;
    let secret = secrets_store::get(key).map_err(|error| {
        let (code, message) = match error {
            secrets_store::SecretsError::NotFound => (
                "not-found",
                format!("there is no secret `{key}`; name it in `[secrets]` of the manifest"),
            ),
            secrets_store::SecretsError::Upstream(why) | secrets_store::SecretsError::Io(why) => (
                "unavailable",
                format!("the secret `{key}` cannot be read: {why}"),
            ),
        };
        values::throw_coded(ctx, "SecretError", code, &message)
    })?;
    Ok(reveal::reveal(&secret))
}
