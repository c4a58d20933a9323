import { configureGlobal } from 'fast-check';

// For properties that do not say themselves how many cases they want.
configureGlobal({ numRuns: Number(process.env['HOARD_CASES'] ?? 100_000) });
