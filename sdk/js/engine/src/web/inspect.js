// Writes values as one text, for who reads the log.
(() => {
  const MOST_DEPTH = 4;
  const MOST_ENTRIES = 100;
  const MOST_CHARACTERS = 4096;

  const isName = (key) => /^[A-Za-z_$][\w$]*$/.test(key);

  // Whatever a value does when it is looked at, it is only being logged.
  function attempt(look, otherwise) {
    try {
      return look();
    } catch {
      return otherwise;
    }
  }

  // The first of what can be gone through, and how many there are.
  function first(all) {
    const some = [];
    for (const item of all) {
      if (some.length > MOST_ENTRIES) break;
      some.push(item);
    }
    return some;
  }

  function error(value) {
    const head = value.message ? `${value.name}: ${value.message}` : String(value.name);
    const stack = String(value.stack ?? "")
      .split("\n")
      .filter((line) => line.trim() && !line.includes("(hearken:") && !line.includes("(native)"))
      .map((line) => `\n    ${line.trim()}`)
      .join("");
    const cause = value.cause === undefined ? "" : `\ncaused by ${inspect(value.cause, 0, [])}`;
    return head + stack + cause;
  }

  function entries(list, length, of, open, close, depth, seen) {
    const shown = list.slice(0, MOST_ENTRIES).map((entry) => of(entry, depth + 1, seen));
    if (length > MOST_ENTRIES) shown.push(`… ${length - MOST_ENTRIES} more`);
    return shown.length === 0 ? open + close : `${open} ${shown.join(", ")} ${close}`;
  }

  function inspect(value, depth, seen) {
    return attempt(() => inspected(value, depth, seen), "[cannot be shown]");
  }

  // A field, without calling what would have to be called to know its value.
  function field(value, key, depth, seen) {
    const { get, set, value: item } = Object.getOwnPropertyDescriptor(value, key) ?? {};
    const shown = get ? (set ? "[Getter/Setter]" : "[Getter]") : set ? "[Setter]" : inspect(item, depth, seen);
    return `${isName(key) ? key : JSON.stringify(key)}: ${shown}`;
  }

  function inspected(value, depth, seen) {
    switch (typeof value) {
      case "string":
        return depth === 0 ? value : JSON.stringify(value);
      case "bigint":
        return `${value}n`;
      case "function":
        return value.name ? `[Function: ${value.name}]` : "[Function]";
      case "object":
        break;
      default:
        return String(value);
    }
    if (value === null) return "null";
    if (value instanceof Error) return error(value);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (value instanceof Promise) return "Promise {}";
    if (seen.includes(value)) return "[Circular]";
    const inner = [...seen, value];
    const name = value.constructor?.name;
    if (depth > MOST_DEPTH) return Array.isArray(value) ? "[Array]" : `[${name ?? "Object"}]`;
    if (Array.isArray(value)) {
      return entries(value.slice(0, MOST_ENTRIES), value.length, inspect, "[", "]", depth, inner);
    }
    if (value instanceof Map) {
      const pair = ([key, item], ...rest) => `${inspect(key, ...rest)} => ${inspect(item, ...rest)}`;
      return entries(first(value), value.size, pair, `Map(${value.size}) {`, "}", depth, inner);
    }
    if (value instanceof Set) return entries(first(value), value.size, inspect, `Set(${value.size}) {`, "}", depth, inner);
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      return entries([...value.subarray(0, MOST_ENTRIES)], value.length, inspect, `${name}(${value.length}) [`, "]", depth, inner);
    }
    const json = attempt(() => typeof value.toJSON === "function" && { of: value.toJSON() }, false);
    if (json) return inspect(json.of, Math.max(depth, 1), inner);
    const open = name && name !== "Object" ? `${name} {` : "{";
    const keys = Object.keys(value);
    const shown = (key, ...rest) => field(value, key, ...rest);
    return entries(keys.slice(0, MOST_ENTRIES), keys.length, shown, open, "}", depth, inner);
  }

  // Texts with places for values, as `%s` is one.
  function filled(text, values) {
    return text.replace(/%[sdifjoOc%]/g, (place) => {
      if (place === "%%") return "%";
      if (values.length === 0) return place;
      const value = values.shift();
      switch (place) {
        case "%s":
          return inspect(value, 0, []);
        case "%d":
        case "%f":
          return attempt(() => String(Number(value)), "NaN");
        case "%i":
          return attempt(() => String(Math.trunc(Number(value))), "NaN");
        case "%j":
          return attempt(() => String(JSON.stringify(value)), "[Circular]");
        case "%c":
          return "";
        default:
          return inspect(value, 1, []);
      }
    });
  }

  return (values) => {
    const texts = [];
    if (typeof values[0] === "string" && values.length > 1) texts.push(filled(values.shift(), values));
    for (const value of values) texts.push(inspect(value, 0, []));
    const text = texts.join(" ");
    return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
  };
})()
