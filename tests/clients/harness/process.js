'use strict';
// Clients that are processes of their own, and print a line for each check.

const { spawn } = require('node:child_process');
const { within } = require('./wait');

/** Bounds all that a client does, which has bounds of its own for what it waits for. */
const DEADLINE = 600000;

/** Runs a program; fails unless it succeeds. Returns the lines that it has printed. */
async function run(program, given) {
  const child = spawn(program, given, { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    process.stdout.write(text);
    printed += text;
  });
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code === null ? signal : code));
  });
  try {
    const how = await within('the client ends', ended, DEADLINE);
    if (how !== 0)
      throw new Error(`the client has ended with ${how}`);
  } finally {
    child.kill('SIGKILL');
  }
  return printed.split('\n').filter((line) => line !== '');
}

module.exports = { run };
