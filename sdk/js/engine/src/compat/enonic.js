// What listener scripts of Enonic XP expect: modules of CommonJS, `log`, `app`, and the library
// `/lib/xp/event`.
((native) => {
  const { listen, send, log, config } = native;

  const app = { name: native.entry.replace(/\.[^./]*$/, ""), version: "", config: config.all() };
  const logs = { debug: log.debug, info: log.info, warning: log.warn, error: log.error };

  // There `.` is literal, `*` is anything, and all else is as regular expressions have it.
  function pattern(type) {
    const glob = type.replace(/\(([\w.*|-]+)\)/g, (_, either) => `{${either.replaceAll("|", ",")}}`);
    if (/^[\w.*{},:/-]+$/.test(glob)) return [glob, null];
    return ["*", new RegExp(`^${type.replaceAll(".", "\\.").replaceAll("*", ".*")}$`)];
  }

  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

  const libraries = {
    "/lib/xp/event": {
      listener({ type, callback, localOnly = false }) {
        if (typeof callback !== "function") throw new TypeError("listener: `callback` is a function");
        const [glob, exactly] = pattern(String(type));
        const call = (event) => {
          if (exactly !== null && !exactly.test(event.type)) return undefined;
          return callback({
            type: event.type,
            timestamp: Date.parse(event.time),
            localOrigin: event.localorigin,
            distributed: event.distributed,
            data: isObject(event.data) ? event.data : {},
          });
        };
        Object.defineProperty(call, "name", { value: callback.name });
        listen(glob, { localOnly }, call);
      },

      send({ type, distributed = false, data }) {
        send(`custom.${type}`, { distributed, data: isObject(data) ? data : {} });
      },
    },
  };

  const java = {
    newBean(name) {
      throw new Error(`${name} is of Java, which there is none of here`);
    },
    toNativeObject: (value) => value,
    nullOrValue: (value) => value ?? null,
    disposer() {},
  };

  const modules = new Map();

  function resolve(base, name) {
    const path = name.startsWith("/") ? [] : base.split("/").slice(0, -1);
    for (const part of name.split("/")) {
      if (part === "..") path.pop();
      else if (part !== "." && part !== "") path.push(part);
    }
    const found = path.join("/");
    return [found, `${found}.js`, `${found}/index.js`, `${found}.json`].find((file) => native.text(file) !== undefined);
  }

  function load(file) {
    const known = modules.get(file);
    if (known) return known.exports;
    const module = { id: file, exports: {} };
    modules.set(file, module);
    if (file.endsWith(".json")) {
      module.exports = JSON.parse(native.text(file));
      return module.exports;
    }
    const require = (name) => {
      const library = libraries[name.replace(/\.js$/, "")];
      if (library) return library;
      const found = resolve(file, name);
      if (found === undefined) throw new Error(`require("${name}"): there is no such file; of XP's libraries there are ${Object.keys(libraries).join(", ")}`);
      return load(found);
    };
    const body = native.wrap(file, native.text(file));
    body.call(module.exports, logs, require, (name) => resolve(file, name), java, module.exports, module);
    return module.exports;
  }

  globalThis.app = app;
  globalThis.log = logs;
  load(native.entry);
})
