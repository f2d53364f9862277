// The classes of errors that mean something to the node.
(() => {
  class Retry extends Error {
    name = "Retry";
    constructor(message, { after, ...options } = {}) {
      super(message, options);
      this.after = after;
    }
  }
  class Reject extends Error {
    name = "Reject";
    rejects = true;
  }
  class Refusal extends Error {
    name = "Refusal";
    constructor(message, { code = 103, temporary = false } = {}) {
      super(message);
      this.code = code;
      this.temporary = temporary;
    }
  }
  class Disconnect extends Error {
    name = "Disconnect";
    constructor(message, { code = 4000 } = {}) {
      super(message);
      this.code = code;
    }
  }
  class Event {}
  return { Retry, Reject, Refusal, Disconnect, Event };
})()
