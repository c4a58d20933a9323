import { defineConfig } from 'vitest/config';

// What takes too long, or needs too much, for every change: `npm run test:storage` runs it.
const longRun = process.env['HOARD_TEST_FAULTS'] === 'all';

// Two cores are the measure: integration files start real servers, so files run two at a time.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/campaign/**', ...(longRun ? [] : ['test/long-run/**'])],
    // Only for what hangs: thousands of small objects take Swift a minute where the machine does something else besides.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
