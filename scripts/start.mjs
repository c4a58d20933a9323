// npm start: the main job on an embedded PostgreSQL. See examples/quickstart/run.ts.
import { ensureInstalled, run } from './ensure.mjs';

ensureInstalled();
process.exitCode = await run('node', ['examples/quickstart/run.ts', ...process.argv.slice(2)]);
