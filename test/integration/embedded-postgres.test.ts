import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { availableServers, startPostgres } from '../../support/embedded-postgres.ts';

const newest = availableServers().at(-1);

describe.skipIf(newest === undefined)('a server for tests', () => {
  it('ends with the process that started it, even by kill -9', async () => {
    const script = path.join(import.meta.dirname, '../support/server-process.ts');
    const child = spawn(process.execPath, [script, String(newest?.major)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [pid = '', dataDirectory = ''] = line.toString().trim().split(' ');
    expect(existsSync(dataDirectory)).toBe(true);
    child.kill('SIGKILL');
    await expect.poll(() => existsSync(`/proc/${pid}`) || existsSync(dataDirectory), { timeout: 15_000 }).toBe(false);
  });

  it('survives kill -9 with its data, and names its log when it cannot start', async () => {
    await using server = await startPostgres({ server: newest ?? 18, settings: { fsync: 'on' } });
    await server.query('create table t as select 1 as one');
    await server.kill();
    await server.start();
    expect(await server.query('select * from t')).toEqual([{ one: 1 }]);
    await server.stop();
    const broken = startPostgres({
      server: newest ?? 18,
      dataDirectory: server.dataDirectory,
      settings: { shared_buffers: 'much' },
    });
    await expect(broken).rejects.toThrow(/ended before it could become ready:[^]*shared_buffers/);
  });

  it('is not found where there is none, with what there is instead', async () => {
    await expect(startPostgres({ server: 9 })).rejects.toThrow(/no PostgreSQL 9 .*available: /);
  });
});
