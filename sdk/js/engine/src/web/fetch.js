// `fetch` and what it is made of, over the node's `wasi:http`.
((native) => {
  const MOST_REDIRECTS = 20;
  // Ends the bodies of answers that nobody has any more.
  const unread = new FinalizationRegistry((number) => native.close(number));
  const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

  class Headers {
    #fields = new Map();

    constructor(init) {
      if (init === undefined || init === null) return;
      const pairs = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
      for (const [name, value] of pairs) this.append(name, value);
    }

    static #name(name) {
      if (!NAME.test(name)) throw new TypeError(`"${name}" is no name of a header`);
      return String(name).toLowerCase();
    }

    static #value(value) {
      const text = String(value).trim();
      if (/[\0\r\n]/.test(text)) throw new TypeError("a header has no line breaks");
      return text;
    }

    append(name, value) {
      const key = Headers.#name(name);
      this.#fields.set(key, [...(this.#fields.get(key) ?? []), Headers.#value(value)]);
    }

    delete(name) {
      this.#fields.delete(Headers.#name(name));
    }

    get(name) {
      return this.#fields.get(Headers.#name(name))?.join(", ") ?? null;
    }

    getSetCookie() {
      return [...(this.#fields.get("set-cookie") ?? [])];
    }

    has(name) {
      return this.#fields.has(Headers.#name(name));
    }

    set(name, value) {
      this.#fields.set(Headers.#name(name), [Headers.#value(value)]);
    }

    forEach(call, self) {
      for (const [name, value] of this) call.call(self, value, name, this);
    }

    keys() {
      return [...this].map((pair) => pair[0]).values();
    }

    values() {
      return [...this].map((pair) => pair[1]).values();
    }

    entries() {
      return this[Symbol.iterator]();
    }

    [Symbol.iterator]() {
      const names = [...this.#fields.keys()].sort();
      const pairs = names.flatMap((name) => {
        const values = this.#fields.get(name);
        return name === "set-cookie" ? values.map((value) => [name, value]) : [[name, values.join(", ")]];
      });
      return pairs.values();
    }

    toJSON() {
      return Object.fromEntries(this);
    }
  }

  // The bytes of a body, and the media type that goes with them.
  function bodyOf(body) {
    if (body === undefined || body === null) return [null, null];
    if (typeof body === "string") return [native.encode(body.toWellFormed()), "text/plain;charset=UTF-8"];
    if (body instanceof URLSearchParams) {
      return [native.encode(body.toString()), "application/x-www-form-urlencoded;charset=UTF-8"];
    }
    if (body instanceof ArrayBuffer) return [new Uint8Array(body.slice(0)), null];
    if (ArrayBuffer.isView(body)) return [new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice(), null];
    throw new TypeError("a body is a string, bytes, or URLSearchParams; write objects by JSON.stringify");
  }

  // What requests and answers have in common.
  class Body {
    // Bytes; the number of a body that comes from the node; or nothing.
    #content;
    #signal;
    #used = false;

    constructor(content, signal = null) {
      this.#content = content;
      this.#signal = signal;
    }

    get bodyUsed() {
      return this.#used;
    }

    // Not a stream of the web's, but what `for await` takes.
    get body() {
      if (this.#content === null) return null;
      return { [Symbol.asyncIterator]: () => this.#chunks() };
    }

    async *#chunks() {
      if (this.#used) throw new TypeError("the body has been read");
      this.#used = true;
      if (typeof this.#content !== "number") {
        if (this.#content !== null) yield this.#content;
        return;
      }
      try {
        for (;;) {
          this.#signal?.throwIfAborted();
          const [promise, number] = native.read(this.#content);
          const chunk = await unlessAborted(this.#signal, promise, number);
          if (chunk === null) return;
          yield chunk;
        }
      } finally {
        native.close(this.#content);
      }
    }

    async bytes() {
      const chunks = [];
      let length = 0;
      for await (const chunk of this.#chunks()) {
        chunks.push(chunk);
        length += chunk.length;
      }
      if (chunks.length === 1) return chunks[0];
      const all = new Uint8Array(length);
      let at = 0;
      for (const chunk of chunks) {
        all.set(chunk, at);
        at += chunk.length;
      }
      return all;
    }

    async arrayBuffer() {
      const bytes = await this.bytes();
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    }

    async text() {
      const [text] = native.decode(await this.bytes(), false, false);
      return text.startsWith("\uFEFF") ? text.slice(1) : text;
    }

    async json() {
      return JSON.parse(await this.text());
    }

    // For whoever copies it.
    static content(of) {
      if (of.#used) throw new TypeError("the body has been read");
      return of.#content;
    }

    static discard(of) {
      of.#used = true;
      if (typeof of.#content === "number") native.close(of.#content);
    }
  }

  class Request extends Body {
    constructor(input, init = {}) {
      const from = input instanceof Request ? input : null;
      const [bytes, type] = init.body === undefined && from ? [Body.content(from), null] : bodyOf(init.body);
      super(bytes);
      const url = new URL(from ? from.url : input);
      if (!["http:", "https:"].includes(url.protocol)) throw new TypeError(`fetch speaks http and https, not ${url.protocol}`);
      if (url.username !== "" || url.password !== "") throw new TypeError("a URL with a password is not fetched; use a header");
      url.hash = "";
      this.url = url.href;
      const method = String(init.method ?? from?.method ?? "GET");
      this.method = /^(get|head|post|put|delete|options|patch)$/i.test(method) ? method.toUpperCase() : method;
      if (bytes !== null && ["GET", "HEAD"].includes(this.method)) throw new TypeError(`${this.method} has no body`);
      this.headers = new Headers(init.headers ?? from?.headers);
      if (type !== null && !this.headers.has("content-type")) this.headers.set("content-type", type);
      this.redirect = init.redirect ?? from?.redirect ?? "follow";
      this.signal = init.signal ?? from?.signal ?? null;
    }

    clone() {
      return new Request(this);
    }
  }

  class Response extends Body {
    constructor(body, init = {}) {
      const [bytes, type] = typeof init.number === "number" ? [init.number, null] : bodyOf(body);
      super(bytes, init.signal);
      this.status = init.status ?? 200;
      this.statusText = init.statusText ?? "";
      this.headers = new Headers(init.headers);
      if (type !== null && !this.headers.has("content-type")) this.headers.set("content-type", type);
      this.url = init.url ?? "";
      this.redirected = init.redirected ?? false;
      this.type = "default";
      if (typeof init.number === "number") unread.register(this, init.number);
    }

    get ok() {
      return this.status >= 200 && this.status <= 299;
    }

    clone() {
      const content = Body.content(this);
      if (typeof content === "number") throw new TypeError("an answer that comes from the network is read once; keep its bytes");
      return new Response(content, { status: this.status, statusText: this.statusText, headers: this.headers });
    }

    static json(value, init = {}) {
      const headers = new Headers(init.headers);
      if (!headers.has("content-type")) headers.set("content-type", "application/json");
      return new Response(JSON.stringify(value), { ...init, headers });
    }

    static error() {
      return new Response(null, { status: 0 });
    }
  }

  // The promise, unless the signal comes first.
  function unlessAborted(signal, promise, number) {
    if (!signal) return promise;
    return new Promise((resolve, reject) => {
      const abort = () => {
        native.cancel(number);
        reject(signal.reason);
      };
      signal.addEventListener("abort", abort, { once: true });
      promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    });
  }

  async function send(request, url, method, headers, bytes) {
    const scheme = url.protocol.slice(0, -1);
    const [promise, number] = native.send(method, scheme, url.host, url.pathname + url.search, [...headers], bytes);
    const [status, fields, body] = await unlessAborted(request.signal, promise, number);
    const isEmpty = method === "HEAD" || [204, 205, 304].includes(status);
    if (isEmpty && body !== null) native.close(body);
    return { status, headers: fields, number: isEmpty ? null : body };
  }

  async function fetch(input, init) {
    native.check();
    const request = new Request(input, init);
    request.signal?.throwIfAborted();
    let url = new URL(request.url);
    let method = request.method;
    let bytes = Body.content(request);
    const headers = new Headers(request.headers);
    for (let redirects = 0; ; redirects += 1) {
      const answer = await send(request, url, method, headers, bytes);
      const { signal } = request;
      const response = new Response(null, { ...answer, signal, url: url.href, redirected: redirects > 0 });
      const location = response.headers.get("location");
      const isRedirect = [301, 302, 303, 307, 308].includes(answer.status) && location !== null;
      if (!isRedirect || request.redirect === "manual") return response;
      Body.discard(response);
      if (request.redirect === "error") throw new TypeError(`${url.href} redirects to ${location}`);
      if (redirects === MOST_REDIRECTS) throw new TypeError(`${request.url} redirects too often`);
      const next = new URL(location, url.href);
      if (answer.status === 303 || (answer.status < 303 && method === "POST")) {
        if (method !== "HEAD") method = "GET";
        bytes = null;
        headers.delete("content-type");
      }
      if (next.origin !== url.origin) headers.delete("authorization");
      url = next;
    }
  }

  return { fetch, Headers, Request, Response };
})
