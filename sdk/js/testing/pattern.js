// Patterns on the types of events, as a node reads them.

/** Whether a type matches a pattern: `*` is any run of characters, `{a,b}` either, all else itself. */
export function matches(pattern, type) {
  return compile(pattern).test(type);
}

/** Whether a filter on a channel wants what is of this one: `*` is any run of characters. */
export function wantsChannel(wanted, channel) {
  if (wanted === channel) return true;
  const [first, ...rest] = wanted.split("*").map((literal) => literal.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return channel !== undefined && rest.length > 0 && new RegExp(`^${[first, ...rest].join(".*")}$`, "s").test(channel);
}

/** Throws unless it is a pattern. */
export function check(pattern) {
  if (typeof pattern !== "string" || pattern === "") {
    throw new TypeError("a pattern is a text such as \"custom.cart.*\"; use `*` to match every type");
  }
  compile(pattern);
}

/** The regular expression that matches what a pattern does. */
export function compile(pattern) {
  let depth = 0;
  const source = [...pattern].map((character) => {
    switch (character) {
      case "*":
        return ".*";
      case "{":
        depth += 1;
        return "(?:";
      case "}":
        depth -= 1;
        return ")";
      case ",":
        return depth > 0 ? "|" : ",";
      default:
        return character.replace(/[\\^$.|?+()[\]]/, "\\$&");
    }
  });
  if (depth !== 0) throw new TypeError(`the pattern \`${pattern}\` has a brace without its other`);
  return new RegExp(`^${source.join("")}$`, "s");
}
