/** One kind of encryption.ts in a process of its own: compresses (and encrypts) a file in memory and prints its figures as JSON. */
import { readFileSync } from 'node:fs';
import { createMessage, encrypt, readKey } from 'openpgp';
import { ChunkWorkers, sharedBuffer } from '../src/codec/chunk-workers.ts';
import { openCodec } from '../src/codec/open-codec.ts';
import { createEncryptor } from '../src/codec/openpgp/create-encryptor.ts';

const [kind = '', file = '', recipient = ''] = process.argv.slice(2);
const CHUNK = 2 ** 20;
/** As many as a backup has underway (backup/chunk-sink.ts). */
const UNDERWAY = 10;

const text = readFileSync(recipient, 'utf8');
const encryptor = await createEncryptor(
  { recipients: [{ text, where: 'the key' }], signing: undefined },
  () => new Date(),
);
const compression = { algorithm: 'zstd', level: 3 } as const;
const codec = openCodec(compression);
const content = readFileSync(file);
const data = sharedBuffer(content.length);
content.copy(data);

async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += 256 * 1024) yield data.subarray(at, at + 256 * 1024);
}

async function sizeOf(stored: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const piece of stored) size += piece.byteLength;
  return size;
}

async function chunks(encrypted: boolean): Promise<number> {
  const key = encrypted ? await encryptor.newPackKey() : undefined;
  let stored = key?.header.byteLength ?? 0;
  const underway = new Set<Promise<void>>();
  for (let at = 0; at < data.length; at += CHUNK) {
    const plain = data.subarray(at, at + CHUNK);
    const work = (async () => {
      await workers.digest(plain);
      const { bytes } = await workers.encode(plain, key?.sessionKey);
      stored += bytes.byteLength;
    })();
    const done = work.finally(() => underway.delete(done));
    underway.add(done);
    if (underway.size >= UNDERWAY) await Promise.race(underway);
  }
  await Promise.all(underway);
  return stored;
}

const run: Readonly<Record<string, () => Promise<number>>> = {
  chunks: () => chunks(false),
  'chunks-encrypted': () => chunks(true),
  stream: () => sizeOf(codec.encodeStream(pieces())),
  'stream-encrypted': () => sizeOf(encryptor.encrypt(codec.encodeStream(pieces()), 'bench')),
  package: async () => {
    const key = await readKey({ armoredKey: text });
    const message = await createMessage({
      binary: ReadableStream.from(codec.encodeStream(pieces())),
      format: 'binary',
    });
    return sizeOf(await encrypt({ message, encryptionKeys: key, format: 'binary' }));
  },
};

await using workers = new ChunkWorkers({ compression });
// Threads and code are warm in a backup of any size; the first chunks pay for that here.
await Promise.all([
  workers.encode(data.subarray(0, CHUNK), undefined),
  workers.encode(data.subarray(0, CHUNK), undefined),
]);
const cpu = process.cpuUsage();
const begun = performance.now();
const storedBytes = await run[kind]?.();
const seconds = (performance.now() - begun) / 1000;
const used = process.cpuUsage(cpu);
process.stdout.write(JSON.stringify({ seconds, cpuSeconds: (used.user + used.system) / 1e6, storedBytes }));
