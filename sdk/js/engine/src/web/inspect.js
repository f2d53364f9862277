// Writes values as one text, for who reads the log.
(() => {
  const MOST_DEPTH = 4;
  const MOST_ENTRIES = 100;
  const MOST_CHARACTERS = 4096;

  const isName = (key) => /^[A-Za-z_$][\w$]*$/.test(key);

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

  function entries(list, of, open, close, depth, seen) {
    const shown = list.slice(0, MOST_ENTRIES).map((entry) => of(entry, depth + 1, seen));
    if (list.length > MOST_ENTRIES) shown.push(`… ${list.length - MOST_ENTRIES} more`);
    return shown.length === 0 ? open + close : `${open} ${shown.join(", ")} ${close}`;
  }

  function inspect(value, depth, seen) {
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
    if (Array.isArray(value)) return entries(value, inspect, "[", "]", depth, inner);
    if (value instanceof Map) {
      const pair = ([key, item], ...rest) => `${inspect(key, ...rest)} => ${inspect(item, ...rest)}`;
      return entries([...value], pair, `Map(${value.size}) {`, "}", depth, inner);
    }
    if (value instanceof Set) return entries([...value], inspect, `Set(${value.size}) {`, "}", depth, inner);
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      return entries([...value.subarray(0, MOST_ENTRIES + 1)], inspect, `${name}(${value.length}) [`, "]", depth, inner);
    }
    if (typeof value.toJSON === "function") return inspect(value.toJSON(), Math.max(depth, 1), inner);
    const field = ([key, item], ...rest) => `${isName(key) ? key : JSON.stringify(key)}: ${inspect(item, ...rest)}`;
    const open = name && name !== "Object" ? `${name} {` : "{";
    return entries(Object.entries(value), field, open, "}", depth, inner);
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
          return String(Number(value));
        case "%i":
          return String(Math.trunc(Number(value)));
        case "%j":
          return JSON.stringify(value);
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
