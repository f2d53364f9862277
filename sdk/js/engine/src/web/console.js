// What of `console` is made of its levels.
((console) => {
  const counts = new Map();
  const times = new Map();
  Object.assign(console, {
    assert(condition, ...rest) {
      if (!condition) console.error("Assertion failed", ...rest);
    },
    count(label = "default") {
      const count = (counts.get(label) ?? 0) + 1;
      counts.set(label, count);
      console.info(`${label}: ${count}`);
    },
    countReset(label = "default") {
      counts.delete(label);
    },
    time(label = "default") {
      times.set(label, performance.now());
    },
    timeLog(label = "default", ...rest) {
      console.info(`${label}: ${(performance.now() - (times.get(label) ?? NaN)).toFixed(3)}ms`, ...rest);
    },
    timeEnd(label = "default") {
      console.timeLog(label);
      times.delete(label);
    },
    group(...label) {
      if (label.length > 0) console.info(...label);
    },
    groupEnd() {},
  });
})
