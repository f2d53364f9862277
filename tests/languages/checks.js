'use strict';
// What is checked, each by its name; a check that fails names itself.

/** Runs the checks of a list one after the other; returns how many there are. */
async function run(list, ...given) {
  for (const [name, check] of list) {
    const began = Date.now();
    try {
      await check(...given);
    } catch (error) {
      throw new Error(`${name}: ${error.message}`, { cause: error });
    }
    console.log(`ok ${name} (${Date.now() - began} ms)`);
  }
  return list.length;
}

module.exports = { run };
