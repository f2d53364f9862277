// As in a project that has installed the package `hearken`.
import { fileURLToPath } from 'node:url';

const sdk = (file) => fileURLToPath(new URL(`../../../sdk/js/testing/${file}`, import.meta.url));

export default {
  resolve: {
    alias: [
      { find: /^hearken\/testing$/, replacement: sdk('index.js') },
      { find: /^hearken$/, replacement: sdk('module.js') },
    ],
  },
  test: { globals: true, include: ['*.test.js'] },
};
