'use strict';
// Waiting, with a bound that only what hangs reaches.

const DEADLINE = 60000;

/** What a promise comes to, or an error that says what was waited for. */
function within(what, promise, deadline = DEADLINE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited too long until ${what}`)), deadline);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What a function with a callback at its end answers. */
function called(object, method, ...given) {
  const answered = new Promise((resolve, reject) => {
    object[method](...given, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  return within(`\`${method}\` answers`, answered);
}

module.exports = { called, within };
