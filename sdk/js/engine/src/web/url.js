// `URL` and `URLSearchParams`, for hosts in ASCII.
((native) => {
  const PORTS = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21", "file:": "" };
  const isSpecial = (protocol) => protocol in PORTS;

  const percent = (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  const encoded = (text, kept) => {
    let out = "";
    for (const character of String(text).toWellFormed()) {
      if (kept.test(character)) out += character;
      else for (const byte of native.encode(character)) out += percent(byte);
    }
    return out;
  };
  const inPath = (text) => encoded(text, /^[!$-;=@-_a-z|~%]$/);
  const inQuery = (text, special) => encoded(text, special ? /^[!$-&(-;=?-~%]$/ : /^[!$-;=?-~%]$/);
  const inFragment = (text) => encoded(text, /^[!#-;=?-_a-~%]$/);
  const inUser = (text) => encoded(text, /^[!$-.0-9A-Z_a-z~%]$/);

  const decoded = (text) => {
    const spaced = text.replaceAll("+", " ");
    if (!spaced.includes("%")) return spaced;
    const bytes = [];
    for (let at = 0; at < spaced.length; at += 1) {
      const hex = /^%([0-9a-fA-F]{2})/.exec(spaced.slice(at, at + 3));
      if (hex) {
        bytes.push(Number.parseInt(hex[1], 16));
        at += 2;
      } else {
        const character = String.fromCodePoint(spaced.codePointAt(at));
        bytes.push(...native.encode(character.toWellFormed()));
        at += character.length - 1;
      }
    }
    return native.decode(new Uint8Array(bytes), false, false)[0];
  };
  const inForm = (text) => encoded(text, /^[*\-.0-9A-Z_a-z ]$/).replaceAll(" ", "+");

  class URLSearchParams {
    #pairs = [];
    #changed = () => {};

    constructor(init = "") {
      if (typeof init === "object" && init !== null) {
        const pairs = typeof init[Symbol.iterator] === "function" ? [...init] : Object.entries(init);
        this.#pairs = pairs.map(([name, value]) => [String(name), String(value)]);
      } else {
        this.#read(String(init));
      }
    }

    static of(query, changed) {
      const params = new URLSearchParams(query);
      params.#changed = changed;
      return params;
    }

    static replace(params, query) {
      params.#read(query);
    }

    #read(query) {
      const parts = query.replace(/^\?/, "").split("&").filter((part) => part !== "");
      this.#pairs = parts.map((part) => {
        const at = part.indexOf("=");
        return at < 0 ? [decoded(part), ""] : [decoded(part.slice(0, at)), decoded(part.slice(at + 1))];
      });
    }

    get size() {
      return this.#pairs.length;
    }

    append(name, value) {
      this.#pairs.push([String(name), String(value)]);
      this.#changed(this);
    }

    delete(name, value) {
      this.#pairs = this.#pairs.filter((pair) => pair[0] !== String(name) || (value !== undefined && pair[1] !== String(value)));
      this.#changed(this);
    }

    get(name) {
      return this.#pairs.find((pair) => pair[0] === String(name))?.[1] ?? null;
    }

    getAll(name) {
      return this.#pairs.filter((pair) => pair[0] === String(name)).map((pair) => pair[1]);
    }

    has(name, value) {
      return this.#pairs.some((pair) => pair[0] === String(name) && (value === undefined || pair[1] === String(value)));
    }

    set(name, value) {
      const at = this.#pairs.findIndex((pair) => pair[0] === String(name));
      if (at < 0) return this.append(name, value);
      this.#pairs = this.#pairs.filter((pair, place) => pair[0] !== String(name) || place === at);
      this.#pairs[at] = [String(name), String(value)];
      this.#changed(this);
    }

    sort() {
      this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      this.#changed(this);
    }

    forEach(call, self) {
      for (const [name, value] of this.#pairs) call.call(self, value, name, this);
    }

    keys() {
      return this.#pairs.map((pair) => pair[0]).values();
    }

    values() {
      return this.#pairs.map((pair) => pair[1]).values();
    }

    entries() {
      return this.#pairs.map((pair) => [...pair]).values();
    }

    [Symbol.iterator]() {
      return this.entries();
    }

    toString() {
      return this.#pairs.map(([name, value]) => `${inForm(name)}=${inForm(value)}`).join("&");
    }
  }

  const invalid = (url, why) => new TypeError(`"${url}" is not a valid URL: ${why}`);

  function hostOf(host, special, url) {
    if (host.startsWith("[")) {
      if (!/^\[[0-9a-fA-F:.]+\]$/.test(host)) throw invalid(url, "its IPv6 address is none");
      return host.toLowerCase();
    }
    if (!special || host === "") return host;
    const name = host.includes("%") ? decoded(host.replaceAll("+", "%2B")) : host;
    if (!/^[\x21-\x7e]+$/.test(name)) throw invalid(url, "write its host in ASCII (xn--…)");
    if (/[\s#/:<>?@[\\\]^|%]/.test(name)) throw invalid(url, "its host has a character that hosts do not have");
    return name.toLowerCase();
  }

  // Without `.` and `..`.
  function normal(path, special) {
    const parts = (special ? path.replaceAll("\\", "/") : path).split("/");
    const out = [];
    parts.forEach((part, at) => {
      const plain = part.toLowerCase().replaceAll("%2e", ".");
      const isLast = at === parts.length - 1;
      if (plain === "..") {
        if (out.length > 1) out.pop();
        if (isLast) out.push("");
      } else if (plain === ".") {
        if (isLast) out.push("");
      } else {
        out.push(inPath(part));
      }
    });
    return out.join("/");
  }

  function parse(text, base) {
    const url = String(text).replace(/^[\x00-\x20]+|[\x00-\x20]+$/g, "").replace(/[\t\n\r]/g, "");
    let rest = url;
    let fragment = "";
    let query = "";
    const cut = (mark) => {
      const at = rest.indexOf(mark);
      if (at < 0) return "";
      const tail = rest.slice(at);
      rest = rest.slice(0, at);
      return tail;
    };
    fragment = cut("#");
    query = cut("?");
    const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(rest);
    const parts = { username: "", password: "", host: "", port: "", pathname: "", opaque: false };
    if (scheme) {
      parts.protocol = scheme[0].toLowerCase();
      rest = rest.slice(scheme[0].length);
    } else {
      if (!base) throw invalid(text, "it has no scheme, and nothing that it is relative to");
      if (base.opaque && !(rest === "" && query === "")) throw invalid(text, "what it is relative to has no path");
      parts.protocol = base.protocol;
    }
    const special = isSpecial(parts.protocol);
    if (special) rest = rest.replaceAll("\\", "/");
    const isRelative = !scheme || (special && base && base.protocol === parts.protocol && !rest.startsWith("/"));
    if (parts.protocol === "file:" && scheme) {
      if (!rest.startsWith("//")) rest = rest.startsWith("/") ? `//${rest}` : `///${rest}`;
    } else if (special && scheme && !isRelative) {
      rest = `//${rest.replace(/^\/+/, "")}`;
    }
    if (rest.startsWith("//")) {
      const authority = /^\/\/([^/]*)(.*)$/s.exec(rest);
      let host = authority[1];
      const at = host.lastIndexOf("@");
      if (at >= 0) {
        const [name, ...secret] = host.slice(0, at).split(":");
        parts.username = inUser(name);
        parts.password = inUser(secret.join(":"));
        host = host.slice(at + 1);
      }
      const port = /:([0-9]*)$/.exec(host);
      if (port) {
        host = host.slice(0, port.index);
        if (Number(port[1]) > 65535) throw invalid(text, "its port is too large");
        parts.port = port[1] === "" ? "" : String(Number(port[1]));
      } else if (/:[^\]]*$/.test(host) && !host.startsWith("[")) {
        throw invalid(text, "its port is no number");
      }
      if (parts.port === PORTS[parts.protocol]) parts.port = "";
      parts.host = hostOf(host, special, text);
      if (special && parts.protocol !== "file:" && parts.host === "") throw invalid(text, "it has no host");
      parts.pathname = normal(authority[2] || (special ? "/" : ""), special);
    } else if (isRelative && base) {
      Object.assign(parts, { username: base.username, password: base.password, host: base.host, port: base.port });
      if (rest === "") {
        parts.pathname = base.pathname;
        parts.opaque = base.opaque;
        if (query === "") query = base.search;
      } else if (rest.startsWith("/")) {
        parts.pathname = normal(rest, special);
      } else {
        parts.pathname = normal(base.pathname.replace(/[^/]*$/, "") + rest, special);
      }
    } else if (rest.startsWith("/")) {
      parts.pathname = normal(rest, special);
    } else {
      parts.opaque = true;
      parts.pathname = encoded(rest, /^[ -~]$/);
    }
    parts.search = query.length > 1 ? `?${inQuery(query.slice(1), special)}` : "";
    parts.hash = fragment.length > 1 ? `#${inFragment(fragment.slice(1))}` : "";
    return parts;
  }

  class URL {
    #parts;
    #params;

    constructor(url, base) {
      this.#parts = parse(url, base === undefined ? undefined : parse(base));
      this.#params = URLSearchParams.of(this.#parts.search, (params) => {
        const query = params.toString();
        this.#parts.search = query === "" ? "" : `?${query}`;
      });
    }

    static canParse(url, base) {
      return URL.parse(url, base) !== null;
    }

    static parse(url, base) {
      try {
        return new URL(url, base);
      } catch {
        return null;
      }
    }

    get href() {
      const { protocol, username, password, host, pathname, search, hash, opaque } = this.#parts;
      const secret = password === "" ? "" : `:${password}`;
      const user = username === "" && password === "" ? "" : `${username}${secret}@`;
      const authority = !opaque && (host !== "" || isSpecial(protocol)) ? `//${user}${this.host}` : "";
      return protocol + authority + pathname + search + hash;
    }

    set href(url) {
      this.#parts = parse(url);
      URLSearchParams.replace(this.#params, this.#parts.search);
    }

    get origin() {
      const { protocol } = this.#parts;
      return isSpecial(protocol) && protocol !== "file:" ? `${protocol}//${this.host}` : "null";
    }

    get protocol() {
      return this.#parts.protocol;
    }

    set protocol(value) {
      const protocol = `${String(value).replace(/:.*$/, "").toLowerCase()}:`;
      if (isSpecial(protocol) !== isSpecial(this.#parts.protocol)) return;
      this.#parts.protocol = protocol;
      if (this.#parts.port === PORTS[protocol]) this.#parts.port = "";
    }

    get username() {
      return this.#parts.username;
    }

    set username(value) {
      this.#parts.username = inUser(value);
    }

    get password() {
      return this.#parts.password;
    }

    set password(value) {
      this.#parts.password = inUser(value);
    }

    get host() {
      const { host, port } = this.#parts;
      return port === "" ? host : `${host}:${port}`;
    }

    set host(value) {
      const [, host, port] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?/.exec(String(value));
      this.hostname = host;
      if (port !== undefined) this.port = port;
    }

    get hostname() {
      return this.#parts.host;
    }

    set hostname(value) {
      if (!this.#parts.opaque) this.#parts.host = hostOf(String(value), isSpecial(this.#parts.protocol), value);
    }

    get port() {
      return this.#parts.port;
    }

    set port(value) {
      const port = /^[0-9]*/.exec(String(value))[0];
      if (Number(port) > 65535) return;
      this.#parts.port = port === PORTS[this.#parts.protocol] ? "" : port && String(Number(port));
    }

    get pathname() {
      return this.#parts.pathname;
    }

    set pathname(value) {
      if (this.#parts.opaque) return;
      const path = String(value).replaceAll("?", "%3F").replaceAll("#", "%23");
      this.#parts.pathname = normal(path.startsWith("/") ? path : `/${path}`, isSpecial(this.#parts.protocol));
    }

    get search() {
      return this.#parts.search;
    }

    set search(value) {
      const query = String(value).replace(/^\?/, "").replaceAll("#", "%23");
      this.#parts.search = query === "" ? "" : `?${inQuery(query, isSpecial(this.#parts.protocol))}`;
      URLSearchParams.replace(this.#params, this.#parts.search);
    }

    get searchParams() {
      return this.#params;
    }

    get hash() {
      return this.#parts.hash;
    }

    set hash(value) {
      const fragment = String(value).replace(/^#/, "");
      this.#parts.hash = fragment === "" ? "" : `#${inFragment(fragment)}`;
    }

    toString() {
      return this.href;
    }

    toJSON() {
      return this.href;
    }
  }

  return { URL, URLSearchParams };
})
