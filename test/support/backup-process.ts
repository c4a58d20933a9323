// Takes one backup in a process of its own, to be killed: `node backup-process.ts REPOSITORY-DIRECTORY PORT WAL-METHOD`.
import { runBackup, siteFor, type WalMethod } from './backup-run.ts';
import { connectionTo } from './postgres-client.ts';
import { openTestRepository } from './temporary-repository.ts';

const [directory = '', port = '', wal = ''] = process.argv.slice(2);
const repo = await openTestRepository(directory);
const marker = await runBackup(repo, siteFor([connectionTo({ port: Number(port) })], { wal: wal as WalMethod }));
process.stdout.write(`${marker.id}\n`);
