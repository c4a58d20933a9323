/**
 * Every codec, and encryption, on pages like a database's, beside the command-line tools on the same data in the same run, on one core and on two:
 *
 *   node bench/codec.ts [--bytes 512000000] [--slow-bytes 16000000] [--runs 3]
 *
 * Prints the ratio, megabytes of plain content a second and processor seconds for a gigabyte of it, there and back; medians of runs that take
 * turns. The processes of hoard measure themselves, without the start of Node; the tools are measured from outside, and start in milliseconds. The slow
 * codecs get less data. Needs Debian's util-linux (taskset), zstd, xz-utils and gnupg.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { generateKey } from 'openpgp';
import type { CodecName } from '../src/codec/codec.ts';
import { databasePages } from './database-pages.ts';
import { measure } from './measure.ts';
import { print, row } from './table.ts';

const { values } = parseArgs({
  options: {
    bytes: { type: 'string', default: '512000000' },
    'slow-bytes': { type: 'string', default: '16000000' },
    runs: { type: 'string', default: '3' },
  },
});

interface Figures {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** What came out. */
  readonly bytes: number;
}

interface Round {
  readonly there: Figures;
  readonly back: Figures;
}

interface Subject {
  readonly name: string;
  readonly slow?: boolean;
  readonly run: (cores: string, input: string) => Promise<Round>;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-bench-codec-'));
const keys = { public: path.join(folder, 'public.asc'), private: path.join(folder, 'private.asc') };
const home = path.join(folder, 'gnupg');

function hoard(algorithm: CodecName, level?: number, kind = 'chunks', encrypted = false): Subject {
  const program = path.join(import.meta.dirname, 'codec-process.ts');
  const levels = level === undefined ? [] : [level];
  return {
    name: [
      'hoard,',
      algorithm,
      ...levels,
      ...(kind === 'chunks' ? [] : [kind]),
      ...(encrypted ? ['encrypted'] : []),
    ].join(' '),
    slow: algorithm === 'lzma',
    async run(cores, input) {
      const args = [program, kind, algorithm, String(level ?? '-'), input];
      const { stdout } = await measure('taskset', [
        '-c',
        cores,
        process.execPath,
        ...args,
        ...(encrypted ? [keys.public, keys.private] : []),
      ]);
      return JSON.parse(stdout) as Round;
    },
  };
}

function tool(there: string, back: string): Subject {
  return {
    name: there,
    slow: there.startsWith('xz'),
    async run(cores, input) {
      const [stored, again] = [path.join(folder, 'stored'), path.join(folder, 'back')];
      const timed = async (command: string, from: string, to: string): Promise<Figures> => {
        const script = `(${command.replace('gpg', `gpg --homedir ${home} --batch -q --trust-model always`)}) <"$1" >"$2"`;
        const { wallSeconds, cpuSeconds } = await measure('taskset', ['-c', cores, 'sh', '-c', script, 'sh', from, to]);
        return { seconds: wallSeconds, cpuSeconds, bytes: statSync(to).size };
      };
      return { there: await timed(there, input, stored), back: await timed(back, stored, again) };
    },
  };
}

const zstd = (level: number, threads: number): Subject => tool(`zstd -qc${level} -T${threads}`, 'zstd -qdc');

const subjectsOf = (threads: number): readonly Subject[] => [
  hoard('none'),
  hoard('snappy'),
  ...[1, 3, 9].flatMap((level) => [hoard('zstd', level), zstd(level, threads)]),
  ...[0, 6].flatMap((level) => [hoard('lzma', level), tool(`xz -qc${level} -T${threads}`, 'xz -qdc')]),
  hoard('zstd', 3, 'chunks', true),
  tool(`zstd -qc3 -T${threads} | gpg --compress-algo none -r bench -e`, 'gpg -d | zstd -qdc'),
  hoard('zstd', 3, 'stream'),
  hoard('zstd', 3, 'stream', true),
  hoard('zstd', 3, 'package', true),
];

try {
  const data = { usual: path.join(folder, 'usual'), slow: path.join(folder, 'slow') };
  writeFileSync(data.usual, databasePages(Number(values.bytes)));
  writeFileSync(data.slow, databasePages(Number(values['slow-bytes'])));
  const key = await generateKey({ userIDs: [{ name: 'bench' }] });
  writeFileSync(keys.public, key.publicKey);
  writeFileSync(keys.private, key.privateKey);
  mkdirSync(home, { mode: 0o700 });
  spawnSync('gpg', ['--homedir', home, '--batch', '-q', '--import', keys.private]);
  const inputOf = (subject: Subject): string => (subject.slow === true ? data.slow : data.usual);

  for (const [cores, threads] of [
    ['0', 1],
    ['0,1', 2],
  ] as const) {
    const subjects = subjectsOf(threads);
    const rounds = new Map<Subject, Round[]>(subjects.map((subject) => [subject, []]));
    for (let run = 0; run < Number(values.runs); run += 1)
      for (const subject of subjects) rounds.get(subject)?.push(await subject.run(cores, inputOf(subject)));
    print(
      `\n${threads === 1 ? 'One core' : 'Two cores'}, median of ${values.runs} runs in turn, load ${(os.loadavg()[0] ?? 0).toFixed(1)}.\n`,
    );
    print(row(['', 'ratio', 'MB/s', 'cpu s/GB', 'back MB/s', 'cpu s/GB']));
    for (const subject of subjects) {
      const { size } = statSync(inputOf(subject));
      const all = rounds.get(subject) ?? [];
      const speeds = (way: (round: Round) => Figures): readonly string[] => [
        (size / 1e6 / median(all.map((round) => way(round).seconds))).toFixed(0),
        (median(all.map((round) => way(round).cpuSeconds)) * (1e9 / size)).toFixed(2),
      ];
      const ratio = (size / (all[0]?.there.bytes ?? Number.NaN)).toFixed(2);
      print(row([subject.name, ratio, ...speeds(({ there }) => there), ...speeds(({ back }) => back)]));
    }
    const named = (name: string): readonly Round[] =>
      rounds.get(subjects.find((each) => each.name === name) as Subject) ?? [];
    for (const name of ['hoard, zstd 3', 'hoard, zstd 3 stream']) {
      const encrypted = named(`${name} encrypted`);
      const share = (way: (round: Round) => Figures): string =>
        median(
          named(name).map(
            (round, run) => way(round).seconds / (encrypted[run] ? way(encrypted[run]).seconds : Number.NaN),
          ),
        ).toFixed(2);
      print(
        `${name}: encrypted reaches ${share(({ there }) => there)} of its speed, and ${share(({ back }) => back)} on the way back (medians of pairs)`,
      );
    }
  }
} finally {
  spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)] ?? Number.NaN;
}
