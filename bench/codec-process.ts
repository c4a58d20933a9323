/**
 * Compresses a file as hoard does a backup's, in chunks of 1 MiB beside each other, or takes the frames apart again. Prints the size of what it wrote.
 *
 *   node bench/codec-process.ts compress|decompress <algorithm> <level, or -> <input> <output>
 */
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { CODEC_NAMES } from '../src/codec/codec.ts';
import { openCodec } from '../src/codec/open-codec.ts';

const CHUNK_BYTES = 1024 * 1024;
/** More than any codec runs at the same time. */
const IN_FLIGHT = 8;

const [direction, name, level, input = '', output = ''] = process.argv.slice(2);
const algorithm = CODEC_NAMES.find((each) => each === name);
if (!algorithm) throw new Error(`a codec, not ${name}`);
const codec = openCodec({ algorithm, level: level === '-' ? undefined : Number(level) });

type Lengths = readonly (readonly [plain: number, frame: number])[];

await using file = await open(input);
const out = createWriteStream(output);
const lengths: [plain: number, frame: number][] = [];
const queue: Promise<Uint8Array>[] = [];
let written = 0;

async function write(most: number): Promise<void> {
  while (queue.length > most) {
    const bytes = await queue.shift();
    if (!bytes) return;
    written += bytes.length;
    if (!out.write(bytes)) await new Promise<void>((resolve) => out.once('drain', resolve));
  }
}

async function read(size: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size);
  return buffer.subarray(0, bytesRead);
}

if (direction === 'compress') {
  for (;;) {
    const plain = await read(CHUNK_BYTES);
    if (plain.length === 0) break;
    const encoding = codec.encode(plain).then((frame) => {
      lengths[at] = [plain.length, frame.length];
      return frame;
    });
    const at = lengths.push([plain.length, 0]) - 1;
    queue.push(encoding);
    await write(IN_FLIGHT);
  }
} else {
  for (const [plain, frame] of JSON.parse(readFileSync(`${input}.lengths`, 'utf8')) as Lengths) {
    queue.push(codec.decode(await read(frame), plain));
    await write(IN_FLIGHT);
  }
}
await write(0);
out.end();
await finished(out);
if (direction === 'compress') writeFileSync(`${output}.lengths`, JSON.stringify(lengths));
process.stdout.write(`${written}\n`);
