/**
 * Decodes the frame on stdin, which gives 128 MiB: as a chunk of 1 MiB, which must fail, and as a stream whose reader is slow at first. Prints
 * by how many MiB the most memory that the process ever had grew at each.
 *
 *   node bomb-process.ts <algorithm> < frame
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCodec } from '../../src/codec/open-codec.ts';

const MIB = 2 ** 20;

const [algorithm] = process.argv.slice(2);
if (algorithm !== 'snappy' && algorithm !== 'lzma') throw new Error(`an algorithm, not ${algorithm}`);
const codec = openCodec({ algorithm, level: undefined });
const bomb = readFileSync(0);
// So that loading the library counts for neither.
await codec.decode(await codec.encode(Buffer.alloc(9)), 9);
const peak = (): number => process.resourceUsage().maxRSS / 1024;
const before = peak();

const outcome: unknown = await codec.decode(bomb, MIB).then(
  () => 'decoded',
  (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
);
if (outcome !== 'object.corrupt') throw new Error(`the bomb was not refused: ${String(outcome)}`);
const refused = peak() - before;

async function* one() {
  yield bomb;
}
let size = 0;
for await (const piece of codec.decodeStream(one())) {
  if (size === 0) await sleep(500);
  size += piece.length;
}
if (size !== 128 * MIB) throw new Error(`the stream gave ${size} bytes`);
process.stdout.write(JSON.stringify({ refused, streamed: peak() - before - refused }));
