// `TextEncoder` and `TextDecoder`, for UTF-8 alone.
((native) => {
  const bytesOf = (input) => {
    if (input === undefined) return new Uint8Array(0);
    if (input instanceof Uint8Array) return input;
    if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
    return new Uint8Array(input);
  };

  class TextEncoder {
    get encoding() {
      return "utf-8";
    }

    encode(text = "") {
      return native.encode(String(text).toWellFormed());
    }

    encodeInto(text, into) {
      const from = String(text).toWellFormed();
      let read = 0;
      let written = 0;
      for (const character of from) {
        const bytes = native.encode(character);
        if (written + bytes.length > into.length) break;
        into.set(bytes, written);
        written += bytes.length;
        read += character.length;
      }
      return { read, written };
    }
  }

  class TextDecoder {
    #fatal;
    #ignoreBOM;
    #left = new Uint8Array(0);
    #begun = false;

    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      if (!["utf-8", "utf8", "unicode-1-1-utf-8"].includes(String(label).trim().toLowerCase())) {
        throw new RangeError(`the encoding ${label} is not known here; there is utf-8`);
      }
      this.#fatal = Boolean(fatal);
      this.#ignoreBOM = Boolean(ignoreBOM);
    }

    get encoding() {
      return "utf-8";
    }

    get fatal() {
      return this.#fatal;
    }

    get ignoreBOM() {
      return this.#ignoreBOM;
    }

    decode(input, { stream = false } = {}) {
      let bytes = bytesOf(input);
      if (this.#left.length > 0) {
        const all = new Uint8Array(this.#left.length + bytes.length);
        all.set(this.#left);
        all.set(bytes, this.#left.length);
        bytes = all;
      }
      const [decoded, left] = native.decode(bytes, this.#fatal, stream);
      if (decoded === null) {
        this.#left = new Uint8Array(0);
        throw new TypeError("the bytes are not valid UTF-8");
      }
      this.#left = bytes.slice(bytes.length - left);
      let text = decoded;
      if (!this.#begun && !this.#ignoreBOM && text.startsWith("\uFEFF")) text = text.slice(1);
      this.#begun = stream && (this.#begun || decoded.length > 0);
      return text;
    }
  }

  return { TextEncoder, TextDecoder };
})
