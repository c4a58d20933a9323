// Starts a server and waits, to be killed: prints its process id and data directory. Run by embedded-postgres.test.ts: `node server-process.ts MAJOR`.
import { startPostgres } from '../../support/embedded-postgres.ts';

const server = await startPostgres({ server: Number(process.argv[2]) });
process.stdout.write(`${server.pid} ${server.dataDirectory}\n`);
// The server itself does not keep a process alive.
setInterval(() => undefined, 1000);
