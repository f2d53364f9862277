// The listener that is measured, in JavaScript: it touches what it gets.

export let touched;

export const listener = {
  describe() {
    return {
      version: "0.1.0",
      listeners: [
        {
          name: "count",
          filter: { pattern: "custom.bench.count*", localOnly: false },
          delivery: { tag: "live" },
        },
      ],
    };
  },

  handle(event) {
    touched = event.type.length + (event.data[0] ?? 0);
  },
};
