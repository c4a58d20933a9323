// npm run campaign [-- kill|properties|all|SCENARIO…]: the long tests that npm test leaves out; see test/campaign/campaign.ts.
import { ensureInstalled, run } from './ensure.mjs';

ensureInstalled();
process.exitCode = await run('node', ['test/campaign/campaign.ts', ...process.argv.slice(2)]);
