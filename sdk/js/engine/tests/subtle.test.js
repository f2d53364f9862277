// `crypto.subtle` as the engine has it, beside Node's.
import assert from "node:assert/strict";
import { createECDH, createHash, createHmac, createPrivateKey, createPublicKey, randomBytes, sign, verify, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

// Which the engine has, and Node only since 25.
const base64 = (options) => (options?.alphabet === "base64url" ? "base64url" : "base64");
Uint8Array.prototype.toHex ??= function () {
  return Buffer.from(this).toString("hex");
};
Uint8Array.prototype.toBase64 ??= function (options) {
  return Buffer.from(this).toString(base64(options));
};
Uint8Array.fromHex ??= (text) => new Uint8Array(Buffer.from(text, "hex"));
Uint8Array.fromBase64 ??= (text, options) => new Uint8Array(Buffer.from(text, base64(options)));

const hashed = (name) => name.replace("-", "").toLowerCase();
const exact = (buffer) => new Uint8Array(buffer);
const point = (secret) => {
  const curve = createECDH("prime256v1");
  curve.setPrivateKey(secret);
  return exact(curve.getPublicKey());
};
const url = (bytes) => Buffer.from(bytes).toString("base64url");
const jwk = (of, d) => ({ kty: "EC", crv: "P-256", x: url(of.slice(1, 33)), y: url(of.slice(33)), d });
/** What the engine offers, by Node's means. A digest is handed on as data, which is hashed once more on both sides. */
const native = {
  random: (length) => exact(randomBytes(length)),
  digest: (name, data) => exact(createHash(hashed(name)).update(data).digest()),
  hmac: (name, key, data) => exact(createHmac(hashed(name), key).update(data).digest()),
  point(secret) {
    try {
      return point(secret);
    } catch {
      return null;
    }
  },
  isPoint(of) {
    try {
      return Boolean(createPublicKey({ key: jwk(of), format: "jwk" }));
    } catch {
      return false;
    }
  },
  ecSign(secret, hash) {
    const key = createPrivateKey({ key: jwk(point(secret), url(secret)), format: "jwk" });
    return exact(sign("sha256", hash, { key, dsaEncoding: "ieee-p1363" }));
  },
  ecVerify(of, hash, signature) {
    const key = createPublicKey({ key: jwk(of), format: "jwk" });
    return verify("sha256", hash, { key, dsaEncoding: "ieee-p1363" }, signature);
  },
};

const piece = (name) => (0, eval)(readFileSync(new URL(`../src/web/${name}.js`, import.meta.url), "utf8"));
const { crypto: ours, CryptoKey } = piece("crypto")({
  ...native,
  subtle: (Key, partsOf) => piece("subtle")(native, Key, partsOf),
});
const theirs = webcrypto.subtle;
const data = new TextEncoder().encode("what is signed");

test("digests are those of others", async () => {
  for (const name of ["SHA-1", "SHA-256", "SHA-384", "SHA-512"]) {
    assert.deepEqual(exact(await ours.subtle.digest({ name }, data)), exact(await theirs.digest(name, data)), name);
  }
  await assert.rejects(ours.subtle.digest("MD5", data), { name: "NotSupportedError" });
});

test("what is signed by HMAC is verified by others, and theirs here", async () => {
  for (const hash of ["SHA-1", "SHA-256", "SHA-384", "SHA-512"]) {
    const algorithm = { name: "HMAC", hash };
    const key = await ours.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const raw = await ours.subtle.exportKey("raw", key);
    const { k, alg } = await ours.subtle.exportKey("jwk", key);
    const other = await theirs.importKey("raw", raw, algorithm, true, ["sign", "verify"]);
    const written = await theirs.exportKey("jwk", other);
    assert.deepEqual([k, alg], [written.k, written.alg]);
    const signature = await ours.subtle.sign("HMAC", key, data);
    assert.equal(await theirs.verify("HMAC", other, signature, data), true);
    const again = await ours.subtle.importKey("jwk", written, algorithm, false, ["verify"]);
    assert.equal(await ours.subtle.verify("HMAC", again, await theirs.sign("HMAC", other, data), data), true);
    const changed = exact(signature).map((byte, at) => (at === 3 ? byte ^ 1 : byte));
    assert.equal(await ours.subtle.verify("HMAC", again, changed, data), false);
    assert.equal(await ours.subtle.verify("HMAC", again, exact(signature).slice(1), data), false);
    await assert.rejects(ours.subtle.sign("HMAC", again, data), { name: "InvalidAccessError" });
    await assert.rejects(ours.subtle.exportKey("raw", again), { name: "InvalidAccessError" });
  }
});

test("signatures by RSA are verified", async () => {
  for (const hash of ["SHA-256", "SHA-512"]) {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash };
    const parameters = { ...algorithm, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
    const pair = await theirs.generateKey(parameters, true, ["sign", "verify"]);
    const signature = await theirs.sign(algorithm, pair.privateKey, data);
    const spki = await theirs.exportKey("spki", pair.publicKey);
    for (const [format, written] of [["spki", spki], ["jwk", await theirs.exportKey("jwk", pair.publicKey)]]) {
      const key = await ours.subtle.importKey(format, written, algorithm, true, ["verify"]);
      assert.equal(key.algorithm.modulusLength, 2048);
      assert.deepEqual(exact(await ours.subtle.exportKey("spki", key)), exact(spki));
      assert.equal(await ours.subtle.verify(algorithm, key, signature, data), true);
      assert.equal(await ours.subtle.verify(algorithm, key, signature, new Uint8Array(1)), false);
      for (const at of [0, 100, 255]) {
        const changed = exact(signature).map((byte, index) => (index === at ? byte ^ 4 : byte));
        assert.equal(await ours.subtle.verify(algorithm, key, changed, data), false);
      }
      assert.equal(await ours.subtle.verify(algorithm, key, new Uint8Array(256), data), false);
      assert.equal(await ours.subtle.verify(algorithm, key, new Uint8Array(256).fill(255), data), false);
    }
    const secret = await theirs.exportKey("jwk", pair.privateKey);
    await assert.rejects(ours.subtle.importKey("jwk", secret, algorithm, false, ["sign"]), { name: "NotSupportedError" });
  }
});

test("keys of ECDSA go to others and come from them", async () => {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const pair = await ours.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  assert.ok(pair.privateKey instanceof CryptoKey && String(pair.privateKey) === "[object CryptoKey]");
  const secret = await theirs.importKey("pkcs8", await ours.subtle.exportKey("pkcs8", pair.privateKey), algorithm, true, ["sign"]);
  const open = await theirs.importKey("spki", await ours.subtle.exportKey("spki", pair.publicKey), algorithm, true, ["verify"]);
  const { x, y, d } = await theirs.exportKey("jwk", secret);
  const ourJwk = await ours.subtle.exportKey("jwk", pair.privateKey);
  assert.deepEqual([ourJwk.x, ourJwk.y, ourJwk.d], [x, y, d]);
  for (const [format, key, usage] of [["pkcs8", secret, "sign"], ["jwk", secret, "sign"], ["spki", open, "verify"], ["raw", open, "verify"], ["jwk", open, "verify"]]) {
    const written = await theirs.exportKey(format, key);
    const read = await ours.subtle.importKey(format, written, algorithm, true, [usage]);
    const { x: again } = await ours.subtle.exportKey("jwk", read);
    assert.equal(again, x, format);
  }
  const signature = await ours.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, data);
  assert.equal(await ours.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, pair.publicKey, signature, data), true);
  assert.equal(await ours.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, pair.publicKey, signature, new Uint8Array(2)), false);
  await assert.rejects(ours.subtle.importKey("raw", new Uint8Array(65).fill(4), algorithm, true, []), { name: "DataError" });
});

test("what is not there is told, and nobody makes keys by hand", async () => {
  for (const format of ["spki", "pkcs8"]) {
    for (const bytes of [[], [0x30], [0x30, 0x83, 0xff, 0xff, 0xff], [0x30, 2, 0x30, 0]]) {
      const wrong = ours.subtle.importKey(format, new Uint8Array(bytes), { name: "ECDSA", namedCurve: "P-256" }, true, []);
      await assert.rejects(wrong, { name: "DataError" });
    }
  }
  await assert.rejects(ours.subtle.encrypt({ name: "AES-GCM" }), { name: "NotSupportedError" });
  await assert.rejects(ours.subtle.importKey("raw", data, "AES-GCM", true, []), { name: "NotSupportedError" });
  assert.throws(() => new CryptoKey("secret", true, {}, [], {}), TypeError);
});
