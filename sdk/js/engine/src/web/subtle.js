// `crypto.subtle`, as far as tokens need it: digests, HMAC, ECDSA on P-256, and RSASSA-PKCS1-v1_5
// to verify.
((native, Key, partsOf) => {
  const HASHES = { "SHA-1": 20, "SHA-256": 32, "SHA-384": 48, "SHA-512": 64 };
  // Blocks of HMAC, which are what a key has that is made without a length.
  const BLOCKS = { "SHA-1": 64, "SHA-256": 64, "SHA-384": 128, "SHA-512": 128 };
  // What stands before a hash in a signature by RSA: ASN.1 of the hash's name.
  const PREFIXES = {
    "SHA-1": "3021300906052b0e03021a05000414",
    "SHA-256": "3031300d060960864801650304020105000420",
    "SHA-384": "3041300d060960864801650304020205000430",
    "SHA-512": "3051300d060960864801650304020305000440",
  };
  const EC_KEY = "06072a8648ce3d0201";
  const P_256 = "06082a8648ce3d030107";
  const RSA_KEY = "06092a864886f70d010101";

  const fail = (name, message) => Object.assign(new Error(message), { name });
  const unsupported = (what) =>
    fail("NotSupportedError", `${what} is not there; crypto.subtle has digest, HMAC, ECDSA on P-256, and verifies RSASSA-PKCS1-v1_5`);

  const bytesOf = (data) => {
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    throw new TypeError("crypto.subtle takes an ArrayBuffer or a view of one");
  };
  const copied = (bytes) => bytes.slice().buffer;
  const hex = (bytes) => bytes.toHex();
  const unhex = (text) => Uint8Array.fromHex(text);
  const base64url = (bytes) => bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  const number = (bytes) => (bytes.length === 0 ? 0n : BigInt(`0x${hex(bytes)}`));
  const fixed = (value, length) => unhex(value.toString(16).padStart(2 * length, "0"));

  const fromBase64url = (text) => {
    if (typeof text !== "string") throw fail("DataError", "the key lacks a part");
    return Uint8Array.fromBase64(text, { alphabet: "base64url" });
  };

  const named = (algorithm) => {
    const { name, ...rest } = typeof algorithm === "string" ? { name: algorithm } : algorithm;
    return { name: String(name).toUpperCase(), ...rest };
  };
  const hashOf = (algorithm) => {
    const { name } = named(algorithm ?? {});
    if (!(name in HASHES)) throw unsupported(`the hash ${name}`);
    return name;
  };
  const check = (key, name, usage) => {
    if (!(key instanceof Key)) throw new TypeError("crypto.subtle takes a CryptoKey");
    if (key.algorithm.name.toUpperCase() !== name) throw fail("InvalidAccessError", `the key is not one of ${name}`);
    if (!key.usages.includes(usage)) throw fail("InvalidAccessError", `the key is not there to ${usage}`);
  };
  const isSame = (one, other) => {
    let differs = one.length ^ other.length;
    for (let at = 0; at < one.length; at += 1) differs |= one[at] ^ other[at % other.length];
    return differs === 0;
  };

  // DER, as far as keys are written in it: the content of the next element, and what follows.
  const element = (bytes, tag) => {
    let length = bytes[1];
    let at = 2;
    if (length > 0x80) {
      const digits = length - 0x80;
      if (digits > 3) throw fail("DataError", "the key is not valid");
      length = 0;
      for (; at < 2 + digits; at += 1) length = length * 256 + bytes[at];
    }
    if (bytes[0] !== tag || !(at + length <= bytes.length)) throw fail("DataError", "the key is not valid");
    return [bytes.subarray(at, at + length), bytes.subarray(at + length)];
  };
  const wrapped = (tag, ...parts) => {
    const content = parts.map(hex).join("");
    const length = content.length / 2;
    const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
    return unhex(hex(new Uint8Array([tag, ...size])) + content);
  };
  const integer = (bytes) => wrapped(2, bytes[0] & 0x80 ? new Uint8Array([0, ...bytes]) : bytes);
  const spki = (identifier, key) => wrapped(0x30, wrapped(0x30, unhex(identifier)), wrapped(3, new Uint8Array(1), key));
  const fromSpki = (data, identifier) => {
    const [outer] = element(data, 0x30);
    const [of, rest] = element(outer, 0x30);
    if (!hex(of).startsWith(identifier)) throw fail("DataError", "the key is one of another algorithm");
    return element(rest, 3)[0].subarray(1);
  };

  /** The integer without what stands before it. */
  const trimmed = (bytes) => {
    let at = 0;
    while (at < bytes.length - 1 && bytes[at] === 0) at += 1;
    return bytes.slice(at);
  };

  const HMAC = {
    import(format, data, { hash, length }, extractable, usages) {
      const secret = format === "raw" ? bytesOf(data).slice() : format === "jwk" ? fromBase64url(data.k) : null;
      if (secret === null) throw unsupported(`a key of HMAC as ${format}`);
      if (secret.length === 0) throw fail("DataError", "the key is empty");
      const algorithm = { name: "HMAC", hash: { name: hashOf(hash) }, length: length ?? secret.length * 8 };
      return new Key("secret", extractable, algorithm, usages, { secret });
    },
    generate({ hash, length }, extractable, usages) {
      const bytes = Math.ceil((length ?? BLOCKS[hashOf(hash)] * 8) / 8);
      return this.import("raw", native.random(bytes), { hash, length }, extractable, usages);
    },
    export(format, key) {
      const [{ algorithm }, parts] = [key, partsOf(key)];
      if (format === "raw") return copied(parts.secret);
      const size = algorithm.hash.name.slice(4);
      return { kty: "oct", k: base64url(parts.secret), alg: `HS${size}` };
    },
    sign: (_, key, data) => native.hmac(key.algorithm.hash.name, partsOf(key).secret, data),
    verify(algorithm, key, signature, data) {
      return isSame(this.sign(algorithm, key, data), signature);
    },
  };

  const ECDSA = {
    key(point, secret, extractable, usages) {
      const algorithm = { name: "ECDSA", namedCurve: "P-256" };
      if (point.length !== 65 || !native.isPoint(point)) throw fail("DataError", "the key is no point of P-256");
      const type = secret ? "private" : "public";
      return new Key(type, extractable || !secret, algorithm, usages, { point, secret });
    },
    import(format, data, { namedCurve }, extractable, usages) {
      if (namedCurve !== "P-256") throw unsupported(`the curve ${namedCurve}`);
      if (format === "raw") return this.key(bytesOf(data).slice(), null, extractable, usages);
      if (format === "spki") return this.key(fromSpki(bytesOf(data), EC_KEY + P_256).slice(), null, extractable, usages);
      if (format === "jwk") {
        const coordinates = [fromBase64url(data.x), fromBase64url(data.y)];
        const point = new Uint8Array([4, ...coordinates[0], ...coordinates[1]]);
        return this.key(point, data.d === undefined ? null : fromBase64url(data.d), extractable, usages);
      }
      if (format !== "pkcs8") throw unsupported(`a key of ECDSA as ${format}`);
      const [outer] = element(bytesOf(data), 0x30);
      const [of, rest] = element(element(outer, 2)[1], 0x30);
      if (!hex(of).startsWith(EC_KEY + P_256)) throw fail("DataError", "the key is none of P-256");
      const [inner] = element(element(rest, 4)[0], 0x30);
      const secret = element(element(inner, 2)[1], 4)[0].slice();
      return this.key(native.point(secret), secret, extractable, usages);
    },
    generate({ namedCurve }, extractable, usages) {
      if (namedCurve !== "P-256") throw unsupported(`the curve ${namedCurve}`);
      let secret;
      // Of 2^32 numbers one is too large.
      do secret = native.random(32);
      while (native.point(secret) === null);
      const point = native.point(secret);
      const of = (usage) => usages.filter((wanted) => wanted === usage);
      return {
        privateKey: this.key(point, secret, extractable, of("sign")),
        publicKey: this.key(point, null, true, of("verify")),
      };
    },
    export(format, key) {
      const { point, secret } = partsOf(key);
      if (format === "jwk") {
        const jwk = { kty: "EC", crv: "P-256", x: base64url(point.slice(1, 33)), y: base64url(point.slice(33)) };
        return secret ? { ...jwk, d: base64url(secret) } : jwk;
      }
      if (format === "pkcs8" && secret) {
        const inner = wrapped(0x30, unhex("020101"), wrapped(4, secret), wrapped(0xa1, wrapped(3, new Uint8Array(1), point)));
        return copied(wrapped(0x30, unhex("020100"), wrapped(0x30, unhex(EC_KEY + P_256)), wrapped(4, inner)));
      }
      if (secret) throw fail("InvalidAccessError", `a private key is no ${format}`);
      if (format === "raw") return copied(point);
      return copied(spki(EC_KEY + P_256, point));
    },
    sign({ hash }, key, data) {
      const { secret } = partsOf(key);
      if (!secret) throw fail("InvalidAccessError", "the key is a public one");
      return native.ecSign(secret, native.digest(hashOf(hash), data));
    },
    verify: ({ hash }, key, signature, data) =>
      signature.length === 64 && native.ecVerify(partsOf(key).point, native.digest(hashOf(hash), data), signature),
  };

  const RSA = {
    import(format, data, { hash }, extractable, usages) {
      let modulus;
      let exponent;
      if (format === "jwk") {
        if (data.d !== undefined) throw unsupported("a private key of RSA");
        [modulus, exponent] = [fromBase64url(data.n), fromBase64url(data.e)];
      } else if (format === "spki") {
        const [sequence] = element(fromSpki(bytesOf(data), RSA_KEY), 0x30);
        const [first, rest] = element(sequence, 2);
        [modulus, exponent] = [first, element(rest, 2)[0]];
      } else throw unsupported(`a key of RSA as ${format}`);
      [modulus, exponent] = [trimmed(modulus), trimmed(exponent)];
      // Short keys protect nothing, and long ones and exponents take as long as they like.
      if (modulus.length < 128 || modulus.length > 1024 || exponent.length > 4) throw unsupported("a key of RSA of this size");
      const algorithm = {
        name: "RSASSA-PKCS1-v1_5",
        modulusLength: modulus.length * 8,
        publicExponent: exponent,
        hash: { name: hashOf(hash) },
      };
      return new Key("public", true, algorithm, usages, { modulus, exponent });
    },
    generate() {
      throw unsupported("making keys of RSA");
    },
    export(format, key) {
      const { modulus, exponent } = partsOf(key);
      if (format === "spki") return copied(spki(`${RSA_KEY}0500`, wrapped(0x30, integer(modulus), integer(exponent))));
      const size = key.algorithm.hash.name.slice(4);
      return { kty: "RSA", n: base64url(modulus), e: base64url(exponent), alg: `RS${size}` };
    },
    sign() {
      throw unsupported("signing with RSA");
    },
    verify(_, key, signature, data) {
      const [{ algorithm }, parts] = [key, partsOf(key)];
      const size = parts.modulus.length;
      const modulus = number(parts.modulus);
      let base = number(signature);
      if (signature.length !== size || base >= modulus) return false;
      let result = 1n;
      for (let exponent = number(parts.exponent); exponent > 0n; exponent >>= 1n) {
        if (exponent & 1n) result = (result * base) % modulus;
        base = (base * base) % modulus;
      }
      const hash = algorithm.hash.name;
      const tail = `00${PREFIXES[hash]}${hex(native.digest(hash, data))}`;
      const expected = `0001${tail.padStart(2 * size - 4, "f")}`;
      return isSame(fixed(result, size), unhex(expected));
    },
  };

  const ALGORITHMS = { HMAC, ECDSA, "RSASSA-PKCS1-V1_5": RSA };
  const find = (algorithm) => {
    const all = named(algorithm);
    const found = ALGORITHMS[all.name];
    if (found === undefined) throw unsupported(`the algorithm ${all.name}`);
    return [found, all];
  };

  return {
    async digest(algorithm, data) {
      return native.digest(hashOf(algorithm), bytesOf(data)).buffer;
    },
    async importKey(format, data, algorithm, extractable, usages) {
      const [found, all] = find(algorithm);
      return found.import(format, data, all, Boolean(extractable), [...usages]);
    },
    async exportKey(format, key) {
      if (!(key instanceof Key)) throw new TypeError("crypto.subtle takes a CryptoKey");
      if (!key.extractable) throw fail("InvalidAccessError", "the key is not to be exported");
      const [found] = find(key.algorithm);
      if (!["raw", "jwk", "spki", "pkcs8"].includes(format)) throw unsupported(`a key as ${format}`);
      const exported = found.export(format, key);
      return format === "jwk" ? { ...exported, key_ops: key.usages, ext: key.extractable } : exported;
    },
    async generateKey(algorithm, extractable, usages) {
      const [found, all] = find(algorithm);
      return found.generate(all, Boolean(extractable), [...usages]);
    },
    async sign(algorithm, key, data) {
      const [found, all] = find(algorithm);
      check(key, all.name, "sign");
      return copied(found.sign(all, key, bytesOf(data)));
    },
    async verify(algorithm, key, signature, data) {
      const [found, all] = find(algorithm);
      check(key, all.name, "verify");
      return found.verify(all, key, bytesOf(signature), bytesOf(data));
    },
    async encrypt() {
      throw unsupported("encryption");
    },
    async decrypt() {
      throw unsupported("decryption");
    },
    async deriveBits() {
      throw unsupported("deriving keys");
    },
    async deriveKey() {
      throw unsupported("deriving keys");
    },
    async wrapKey() {
      throw unsupported("wrapping keys");
    },
    async unwrapKey() {
      throw unsupported("unwrapping keys");
    },
  };
})
