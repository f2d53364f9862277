'use strict';
// Tokens as an application's own backend signs them (RFC 7519, HS256).

const { createHmac } = require('node:crypto');
const { SECRET } = require('../harness/application');

function encoded(value) {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** A token with these claims. */
function token(claims, secret = SECRET) {
  const signed = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** In so many seconds, as tokens say times. */
function inSeconds(seconds) {
  return Math.floor(Date.now() / 1000) + seconds;
}

module.exports = { SECRET, inSeconds, token };
