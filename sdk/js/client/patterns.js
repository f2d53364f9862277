// How patterns share streams: a stream has one pattern, which may be several in braces.

import { check, compile } from "../testing/pattern.js";

/** What a node takes: bytes of a pattern, and its alternatives multiplied out. */
const MAX_BYTES = 1024;
const MAX_ALTERNATIVES = 64;

export { check, compile };

/** Whether a pattern means one type alone. */
const isLiteral = (pattern) => !/[*{},]/.test(pattern);

/** Whether all that a pattern matches is matched by one of others, as far as is seen easily. */
export function isCovered(pattern, others) {
  for (const other of others) {
    if (other === pattern || other === "*") return true;
    if (isLiteral(pattern) && compile(other).test(pattern)) return true;
  }
  return false;
}

/** The alternatives of a pattern, multiplied out; of more than a node takes one more than that. */
function globs(pattern) {
  const [, before, inner, after] = /^([^{}]*)\{([^{}]*)\}(.*)$/s.exec(pattern) ?? [];
  if (inner === undefined) return [pattern];
  const rest = globs(after);
  const all = inner.split(",").flatMap((one) => rest.map((end) => before + one + end));
  return all.slice(0, MAX_ALTERNATIVES + 1);
}

/**
 * As few patterns as possible that together match what these do, each with those it is made of.
 * A pattern that a node would refuse stands alone, so that it alone is refused.
 */
export function bundles(patterns, apart = false) {
  const all = [...new Set(patterns)];
  const needed = all.filter((one) => !isCovered(one, all.filter((other) => other !== one)));
  if (apart) return all.map((pattern) => bundle([pattern]));
  const bundled = [];
  let last;
  for (const pattern of needed.sort()) {
    if (pattern.includes("}") && globs(pattern).length > MAX_ALTERNATIVES) {
      bundled.push(bundle([pattern]));
      continue;
    }
    const joined = last && bundle([...last, pattern]);
    if (joined && joined.type.length <= MAX_BYTES && joined.count <= MAX_ALTERNATIVES) {
      last.push(pattern);
    } else {
      if (last) bundled.push(bundle(last));
      last = [pattern];
    }
  }
  if (last) bundled.push(bundle(last));
  return bundled;
}

function bundle(patterns) {
  if (patterns.length === 1) return { type: patterns[0], patterns, count: 1 };
  const all = [...new Set(patterns.flatMap(globs))].sort();
  return { type: all.length === 1 ? all[0] : `{${all.join(",")}}`, patterns, count: all.length };
}
