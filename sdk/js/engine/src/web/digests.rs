//! What `crypto.subtle` needs of cryptography.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use rquickjs::{Ctx, Error, Function, Object, Result, TypedArray, Value};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{bytes, script};
use crate::values;

/// What the piece `crypto` is given.
pub(super) fn native<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let native = bytes::native(ctx)?;
    native.set("subtle", Function::new(ctx.clone(), subtle)?)?;
    Ok(native)
}

/// Makes `subtle`, given how keys are made and what each is made of.
fn subtle<'js>(ctx: Ctx<'js>, key: Value<'js>, parts_of: Value<'js>) -> Result<Object<'js>> {
    let native = bytes::native(&ctx)?;
    for (name, function) in [
        ("digest", Function::new(ctx.clone(), digest)?),
        ("hmac", Function::new(ctx.clone(), hmac)?),
        ("point", Function::new(ctx.clone(), point)?),
        ("isPoint", Function::new(ctx.clone(), is_point)?),
        ("ecSign", Function::new(ctx.clone(), ec_sign)?),
        ("ecVerify", Function::new(ctx.clone(), ec_verify)?),
    ] {
        native.set(name, function)?;
    }
    let make: Function<'js> = script(&ctx, "hearken:subtle", include_str!("subtle.js"))?;
    make.call((native, key, parts_of))
}

fn given(object: &Object<'_>) -> Vec<u8> {
    values::bytes_of(object).unwrap_or_default()
}

fn unknown(ctx: &Ctx<'_>, hash: &str) -> Error {
    values::throw(ctx, "TypeError", &format!("there is no hash {hash}"))
}

fn digest<'js>(ctx: Ctx<'js>, hash: String, data: Object<'js>) -> Result<TypedArray<'js, u8>> {
    let data = given(&data);
    let digest = match hash.as_str() {
        "SHA-1" => Sha1::digest(&data).to_vec(),
        "SHA-256" => Sha256::digest(&data).to_vec(),
        "SHA-384" => Sha384::digest(&data).to_vec(),
        "SHA-512" => Sha512::digest(&data).to_vec(),
        other => return Err(unknown(&ctx, other)),
    };
    TypedArray::new(ctx, digest)
}

fn hmac<'js>(
    ctx: Ctx<'js>,
    hash: String,
    key: Object<'js>,
    data: Object<'js>,
) -> Result<TypedArray<'js, u8>> {
    let (key, data) = (given(&key), given(&data));
    let tag = match hash.as_str() {
        "SHA-1" => tag::<Hmac<Sha1>>(&key, &data),
        "SHA-256" => tag::<Hmac<Sha256>>(&key, &data),
        "SHA-384" => tag::<Hmac<Sha384>>(&key, &data),
        "SHA-512" => tag::<Hmac<Sha512>>(&key, &data),
        other => return Err(unknown(&ctx, other)),
    };
    TypedArray::new(ctx, tag)
}

/// None for keys that the algorithm does not take, of which HMAC knows none.
fn tag<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    <M as KeyInit>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

/// The point of a secret number of P-256; `null` if the number is none of those.
fn point<'js>(ctx: Ctx<'js>, secret: Object<'js>) -> Result<Option<TypedArray<'js, u8>>> {
    let Ok(key) = SigningKey::from_slice(&given(&secret)) else {
        return Ok(None);
    };
    let point = key.verifying_key().to_encoded_point(false);
    TypedArray::new(ctx, point.as_bytes().to_vec()).map(Some)
}

fn is_point(point: Object<'_>) -> bool {
    VerifyingKey::from_sec1_bytes(&given(&point)).is_ok()
}

fn ec_sign<'js>(
    ctx: Ctx<'js>,
    secret: Object<'js>,
    hash: Object<'js>,
) -> Result<TypedArray<'js, u8>> {
    let key = SigningKey::from_slice(&given(&secret));
    let signed = key.and_then(|key| key.sign_prehash(&given(&hash)));
    let signed: Signature =
        signed.map_err(|_| values::throw(&ctx, "Error", "the key is not valid"))?;
    TypedArray::new(ctx, signed.to_bytes().to_vec())
}

fn ec_verify(point: Object<'_>, hash: Object<'_>, signature: Object<'_>) -> bool {
    let key = VerifyingKey::from_sec1_bytes(&given(&point));
    let signature = Signature::from_slice(&given(&signature));
    match (key, signature) {
        (Ok(key), Ok(signature)) => key.verify_prehash(&given(&hash), &signature).is_ok(),
        _ => false,
    }
}
