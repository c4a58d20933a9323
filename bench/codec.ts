/**
 * Compresses and decompresses pages like a database's by every codec, next to the command-line tools on the same data in the same run:
 *
 *   node bench/codec.ts [--bytes 256000000] [--slow-bytes 32000000] [--runs 3]
 *
 * Prints the ratio, megabytes of plain content a second and processor seconds for a gigabyte of it. Each is a whole process, which reads a file and writes one.
 * The slow ones get less data. A row is one entry of `subjects`.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { CodecName } from '../src/codec/codec.ts';
import { databasePages } from './database-pages.ts';
import { type Measured, measure, median } from './measure.ts';
import { mebibytes, print, row } from './table.ts';

const { values } = parseArgs({
  options: {
    bytes: { type: 'string', default: '256000000' },
    'slow-bytes': { type: 'string', default: '32000000' },
    runs: { type: 'string', default: '3' },
  },
});
const runs = Number(values.runs);

type Command = readonly [program: string, ...args: string[]];

interface Subject {
  readonly name: string;
  readonly slow?: boolean;
  readonly compress: (input: string, output: string) => Command;
  readonly decompress: (input: string, output: string) => Command;
}

function hoard(algorithm: CodecName, level?: number): Subject {
  const command =
    (direction: string) =>
    (input: string, output: string): Command => [
      process.execPath,
      path.join(import.meta.dirname, 'codec-process.ts'),
      direction,
      algorithm,
      String(level ?? '-'),
      input,
      output,
    ];
  return {
    name: `hoard, ${algorithm} ${level ?? ''}`,
    slow: algorithm === 'lzma',
    compress: command('compress'),
    decompress: command('decompress'),
  };
}

function tool(program: 'zstd' | 'xz', ...flags: readonly string[]): Subject {
  // The shell only names the files: not every tool can.
  const command =
    (...args: readonly string[]) =>
    (input: string, output: string): Command => [
      'sh',
      '-c',
      'in=$1 out=$2; shift 2; exec "$@" < "$in" > "$out"',
      'sh',
      input,
      output,
      program,
      '-qc',
      ...args,
    ];
  return {
    name: [program, ...flags].join(' '),
    slow: program === 'xz',
    compress: command(...flags),
    decompress: command('-d'),
  };
}

const subjects: readonly Subject[] = [
  hoard('none'),
  hoard('snappy'),
  hoard('zstd', 1),
  tool('zstd', '-1', '-T1'),
  tool('zstd', '-1', '-T2'),
  hoard('zstd', 3),
  tool('zstd', '-3', '-T1'),
  tool('zstd', '-3', '-T2'),
  hoard('zstd', 9),
  tool('zstd', '-9', '-T1'),
  tool('zstd', '-9', '-T2'),
  hoard('lzma', 0),
  tool('xz', '-0', '-T1'),
  hoard('lzma', 6),
  tool('xz', '-6', '-T1'),
];

const folder = mkdtempSync(path.join(os.tmpdir(), 'hoard-bench-codec-'));
try {
  const data = { usual: path.join(folder, 'usual'), slow: path.join(folder, 'slow') };
  writeFileSync(data.usual, databasePages(Number(values.bytes)));
  writeFileSync(data.slow, databasePages(Number(values['slow-bytes'])));
  print(`pages like a database's, ${os.availableParallelism()} cores, median of ${runs} runs\n`);
  print(row(['', 'ratio', 'MB/s', 'cpu s/GB', 'peak MiB', 'back MB/s', 'cpu s/GB']));
  for (const subject of subjects) {
    const input = subject.slow === true ? data.slow : data.usual;
    print(row([subject.name, ...(await figures(subject, input))]));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function figures({ compress, decompress }: Subject, input: string): Promise<readonly string[]> {
  const [stored, back] = [path.join(folder, 'stored'), path.join(folder, 'back')];
  const [there, again]: [Measured[], Measured[]] = [[], []];
  try {
    for (let run = 0; run < runs; run += 1) {
      there.push(await timed(compress(input, stored)));
      again.push(await timed(decompress(stored, back)));
    }
  } catch (error) {
    return [`not measured: ${error instanceof Error ? error.message : String(error)}`];
  }
  const size = statSync(input).size;
  if (statSync(back).size !== size) throw new Error('another size came back');
  const speeds = ({ wallSeconds, cpuSeconds }: Measured): readonly [string, string] => [
    (size / 1e6 / wallSeconds).toFixed(0),
    ((cpuSeconds * 1e9) / size).toFixed(2),
  ];
  return [
    (size / statSync(stored).size).toFixed(2),
    ...speeds(median(there)),
    mebibytes(median(there).peakBytes),
    ...speeds(median(again)),
  ];
}

function timed([program, ...args]: Command): Promise<Measured> {
  return measure(program, args);
}
