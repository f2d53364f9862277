'use strict';
// A server of socket.io: whoever shows a token of HS256 joins one room, and gets what is
// published there.
//
//   node server.js PORT SECRET_FILE

const { createHmac, timingSafeEqual } = require('node:crypto');
const fs = require('node:fs');
const { createServer } = require('node:http');
const { Server } = require('socket.io');

const [port, file] = process.argv.slice(2);
const secret = fs.readFileSync(file);

/** The claims of a token that is right; fails unless it is. */
function verified(token) {
  const [head, claims, signature] = token.split('.');
  const expected = createHmac('sha256', secret).update(`${head}.${claims}`).digest();
  if (!timingSafeEqual(expected, Buffer.from(signature, 'base64url')))
    throw new Error('the token is not signed by the secret');
  const { sub, exp } = JSON.parse(Buffer.from(claims, 'base64url'));
  if (exp * 1000 < Date.now())
    throw new Error('the token has expired');
  return sub;
}

const server = createServer();
// No ping comes between what is measured.
const io = new Server(server, { transports: ['websocket'], pingInterval: 3600000, serveClient: false });

io.use((socket, next) => {
  try {
    socket.data.user = verified(socket.handshake.auth.token);
    next();
  } catch (error) {
    next(error);
  }
});

io.on('connection', (socket) => {
  socket.on('subscribe', (room, answer) => {
    socket.join(room);
    answer();
  });
  socket.on('publish', (room, data) => io.to(room).emit('published', data));
});

server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
