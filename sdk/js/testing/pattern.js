// Patterns on the types of events, as a node reads them.

/** Whether a type matches a pattern: `*` is any run of characters, `{a,b}` either, all else itself. */
export function matches(pattern, type) {
  return compile(pattern).test(type);
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
