/**
 * Chunks as a backup stores them (hashed, compressed, encrypted, in worker threads) with and without encryption, on one core and on two, beside
 * zstd and gpg on the same data in the same run:
 *
 *   node bench/encryption.ts [--bytes 512000000] [--runs 5]
 *
 * Needs Debian's util-linux (taskset), zstd and gnupg. The processes of hoard measure themselves, without the start of Node; the tools are
 * measured from outside, and start in milliseconds.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { generateKey } from 'openpgp';
import { databasePages } from './database-pages.ts';
import { measure } from './measure.ts';
import { print, row } from './table.ts';

const { values } = parseArgs({
  options: { bytes: { type: 'string', default: '512000000' }, runs: { type: 'string', default: '5' } },
});
const size = Number(values.bytes);

interface Figures {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly storedBytes: number;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-bench-encryption-'));
try {
  const data = path.join(folder, 'data');
  const recipient = path.join(folder, 'key.asc');
  const home = path.join(folder, 'gnupg');
  writeFileSync(data, databasePages(size));
  writeFileSync(recipient, (await generateKey({ userIDs: [{ name: 'bench' }] })).publicKey);
  mkdirSync(home, { mode: 0o700 });
  spawnSync('gpg', ['--homedir', home, '--batch', '-q', '--import', recipient]);
  const gpg = `gpg --homedir ${home} --batch -q --trust-model always --compress-algo none -r bench -e`;

  const program = path.join(import.meta.dirname, 'encryption-process.ts');
  const hoard = (cores: string, kind: string) => async (): Promise<Figures> => {
    const { stdout } = await measure('taskset', ['-c', cores, process.execPath, program, kind, data, recipient]);
    return JSON.parse(stdout) as Figures;
  };
  const tool = (cores: string, command: string) => async (): Promise<Figures> => {
    const { wallSeconds, cpuSeconds, stdout } = await measure('taskset', [
      '-c',
      cores,
      'sh',
      '-c',
      `${command} | wc -c`,
    ]);
    return { seconds: wallSeconds, cpuSeconds, storedBytes: Number(stdout) };
  };

  for (const [cores, threads] of [
    ['0', 1],
    ['0,1', 2],
  ] as const) {
    const subjects: readonly (readonly [name: string, run: () => Promise<Figures>])[] = [
      ['chunks, zstd 3', hoard(cores, 'chunks')],
      ['chunks, zstd 3, encrypted', hoard(cores, 'chunks-encrypted')],
      ['stream, zstd 3', hoard(cores, 'stream')],
      ['stream, zstd 3, encrypted', hoard(cores, 'stream-encrypted')],
      ['the openpgp package, of zstd 3', hoard(cores, 'package')],
      [`zstd -3 -T${threads}`, tool(cores, `zstd -qc3 -T${threads} ${data}`)],
      [`zstd -3 -T${threads} | gpg -e`, tool(cores, `zstd -qc3 -T${threads} ${data} | ${gpg}`)],
    ];
    const runs = new Map<string, Figures[]>(subjects.map(([name]) => [name, []]));
    // In turn, so that what else the machine does hits all alike.
    for (let run = 0; run < Number(values.runs); run += 1)
      for (const [name, start] of subjects) runs.get(name)?.push(await start());
    print(
      `\n${threads === 1 ? 'one core' : 'two cores'}, ${(size / 1e6).toFixed(0)} MB, median of ${values.runs} runs in turn\n`,
    );
    print(row(['', 'MB/s', 'cpu s', 'ratio']));
    const speed = (name: string): number => size / 1e6 / median((runs.get(name) ?? []).map(({ seconds }) => seconds));
    for (const [name] of subjects) {
      const figures = runs.get(name) ?? [];
      const cpu = median(figures.map(({ cpuSeconds }) => cpuSeconds));
      print(row([name, speed(name).toFixed(0), cpu.toFixed(2), (size / (figures[0]?.storedBytes ?? 1)).toFixed(2)]));
    }
    for (const kind of ['chunks', 'stream']) {
      const share = median(
        (runs.get(`${kind}, zstd 3`) ?? []).map(
          ({ seconds }, run) => seconds / (runs.get(`${kind}, zstd 3, encrypted`)?.[run]?.seconds ?? Number.NaN),
        ),
      );
      print(`${kind}: encrypted reaches ${share.toFixed(2)} of the speed of unencrypted (median of pairs)`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)] ?? Number.NaN;
}
