// `crypto`: what is about randomness, and `subtle` when it is first touched.
((native) => {
  let make = false;
  class CryptoKey {
    #parts;
    constructor(type, extractable, algorithm, usages, parts) {
      if (!make) throw new TypeError("a CryptoKey comes of crypto.subtle");
      Object.assign(this, { type, extractable, algorithm, usages });
      this.#parts = parts;
      Object.freeze(this);
    }

    get [Symbol.toStringTag]() {
      return "CryptoKey";
    }

    /** What a key is made of, for `subtle` alone. */
    static parts(key) {
      return key.#parts;
    }
  }

  // As `subtle` makes and sees keys.
  const partsOf = CryptoKey.parts;
  delete CryptoKey.parts;
  const Key = new Proxy(CryptoKey, {
    construct(target, given) {
      make = true;
      try {
        return new target(...given);
      } finally {
        make = false;
      }
    },
  });

  let subtle;
  const crypto = {
    get subtle() {
      return (subtle ??= native.subtle(Key, partsOf));
    },

    getRandomValues(array) {
      if (!ArrayBuffer.isView(array)) throw new TypeError("getRandomValues takes an array of integers");
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      bytes.set(native.random(bytes.length));
      return array;
    },

    randomUUID() {
      const bytes = native.random(16);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    },
  };
  return { crypto, CryptoKey };
})
