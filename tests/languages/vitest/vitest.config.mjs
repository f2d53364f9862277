// As in a project that has installed the package `hearken`.
import { fileURLToPath } from 'node:url';

const sdk = (file) => fileURLToPath(new URL(`../../../sdk/js/testing/${file}`, import.meta.url));

export default {
  // Not beside the sources.
  cacheDir: fileURLToPath(new URL('../../../target/clients/languages/cache', import.meta.url)),
  resolve: {
    alias: [
      { find: /^hearken\/testing$/, replacement: sdk('index.js') },
      { find: /^hearken$/, replacement: sdk('module.js') },
    ],
  },
  test: { globals: true, include: ['*.test.js'] },
};
