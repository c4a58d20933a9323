import path from 'node:path';
import { defineConfig } from 'vitest/config';

// The property tests with very many cases: properties.ts starts it.
export default defineConfig({
  test: {
    root: path.resolve(import.meta.dirname, '../..'),
    include: ['test/unit/**/*.test.ts'],
    setupFiles: ['test/campaign/many-cases.ts'],
    testTimeout: 3 * 3_600_000,
    maxWorkers: 1,
    pool: 'forks',
  },
});
