'use strict';
// The site of an application: one page, with its script.

const http = require('node:http');
const path = require('node:path');
const { target } = require('../harness/suite');

const PAGE = '<!doctype html><meta charset="utf-8"><title>Application</title><script src="/page.js"></script>';

/** The script of the page with all that it imports, in one file. */
function bundle(esbuild) {
  const { outputFiles } = esbuild.buildSync({
    entryPoints: [path.join(__dirname, 'page.js')],
    nodePaths: [path.join(target, 'clients', path.basename(__dirname), 'node_modules')],
    bundle: true,
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0].text;
}

/** Serves the page; returns its port, and how that is ended. */
async function serve(esbuild) {
  const files = {
    '/': ['text/html', PAGE],
    '/page.js': ['text/javascript', bundle(esbuild)],
  };
  const server = http.createServer((request, response) => {
    const [type, text] = files[request.url] || ['text/plain', ''];
    response.writeHead(text ? 200 : 404, { 'content-type': `${type}; charset=utf-8` }).end(text);
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return {
    port: server.address().port,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

module.exports = { serve };
