/**
 * One codec in a process of its own: compresses (and encrypts) a file in memory, takes it apart again, and prints its figures as JSON. The start
 * of Node and reading the file do not count.
 *
 *   node bench/codec-process.ts <kind> <algorithm> <level, or -> <file> [<public key> <private key>]
 *
 * Kinds: `chunks`, hashed too, as a backup does in worker threads and a restore undoes; `stream`, as WAL is; with keys both are encrypted. `package`: the
 * stream encrypted by the openpgp package's own means.
 */
import { readFileSync } from 'node:fs';
import { createMessage, decrypt, encrypt, readKey, readMessage, readPrivateKey } from 'openpgp';
import { ChunkWorkers, sharedBuffer } from '../src/codec/chunk-workers.ts';
import { CODEC_NAMES } from '../src/codec/codec.ts';
import { openCodec } from '../src/codec/open-codec.ts';
import { createDecryptor } from '../src/codec/openpgp/create-decryptor.ts';
import { createEncryptor } from '../src/codec/openpgp/create-encryptor.ts';
import { decryptContent } from '../src/codec/openpgp/protected-data.ts';

const [kind = '', name, level, file = '', publicKey, privateKey] = process.argv.slice(2);
const algorithm = CODEC_NAMES.find((each) => each === name);
if (!algorithm) throw new Error(`a codec, not ${name}`);
const compression = { algorithm, level: level === '-' ? undefined : Number(level) };
const codec = openCodec(compression);

const CHUNK = 2 ** 20;
/** As many as a backup has underway (backup/chunk-sink.ts). */
const UNDERWAY = 10;
const PIECE = 256 * 1024;

const content = readFileSync(file);
const data = sharedBuffer(content.length);
content.copy(data);

const armored = (path: string): string => readFileSync(path, 'utf8');
const encryptor =
  publicKey === undefined
    ? undefined
    : await createEncryptor(
        { recipients: [{ text: armored(publicKey), where: 'the key' }], signing: undefined },
        () => new Date(),
      );
const decryptor = createDecryptor({
  privateKeys: async () => (privateKey ? [await readPrivateKey({ armoredKey: armored(privateKey) })] : []),
  signers: undefined,
});

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function drain(pieces: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const piece of pieces) size += piece.byteLength;
  return size;
}

async function atOnce<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const underway = new Set<Promise<void>>();
  for (const item of items) {
    const done = work(item).finally(() => underway.delete(done));
    underway.add(done);
    if (underway.size >= UNDERWAY) await Promise.race(underway);
  }
  await Promise.all(underway);
}

interface Way {
  /** Returns the stored bytes. */
  compress(): Promise<number>;
  /** Returns the plain bytes. */
  decompress(): Promise<number>;
}

async function chunks(): Promise<Way> {
  const workers = new ChunkWorkers({ compression });
  const frames: { readonly bytes: Uint8Array; readonly codec: string }[] = [];
  let key: Awaited<ReturnType<NonNullable<typeof encryptor>['newPackKey']>> | undefined;
  const encodeAt = async (at: number): Promise<void> => {
    const plain = data.subarray(at, at + CHUNK);
    await workers.digest(plain);
    frames[at / CHUNK] = await workers.encode(plain, key?.sessionKey);
  };
  // Threads and code are warm in a backup of any size; the first chunks pay for that here.
  await Promise.all([encodeAt(0), encodeAt(0)]);
  return {
    async compress() {
      key = await encryptor?.newPackKey();
      await atOnce(
        Array.from({ length: Math.ceil(data.length / CHUNK) }, (_, index) => index * CHUNK),
        encodeAt,
      );
      await workers[Symbol.asyncDispose]();
      return frames.reduce((sum, { bytes }) => sum + bytes.length, key?.header.length ?? 0);
    },
    async decompress() {
      const sessionKey = key && (await decryptor.openPack(key.header, 'bench'));
      let size = 0;
      await atOnce(frames.entries(), async ([index, frame]) => {
        const bytes = sessionKey ? decryptContent(sessionKey, frame.bytes) : frame.bytes;
        const plain = Math.min(CHUNK, data.length - index * CHUNK);
        const { length } = frame.codec === 'none' ? bytes : await codec.decode(bytes, plain);
        size += length;
      });
      return size;
    },
  };
}

function stream(): Way {
  let stored: Buffer;
  return {
    async compress() {
      const compressed = codec.encodeStream(inPieces(data));
      stored = await collect(encryptor ? encryptor.encrypt(compressed, 'bench') : compressed);
      return stored.length;
    },
    decompress: () =>
      drain(
        codec.decodeStream(encryptor ? decryptor.decrypt(inPieces(stored), 'bench', 'required') : inPieces(stored)),
      ),
  };
}

async function ofPackage(): Promise<Way> {
  const encryptionKeys = await readKey({ armoredKey: armored(publicKey ?? '') });
  const decryptionKeys = await readPrivateKey({ armoredKey: armored(privateKey ?? '') });
  let stored: Buffer;
  return {
    async compress() {
      const binary = ReadableStream.from(codec.encodeStream(inPieces(data)));
      const message = await createMessage({ binary, format: 'binary' });
      stored = await collect(await encrypt({ message, encryptionKeys, format: 'binary' }));
      return stored.length;
    },
    async decompress() {
      const message = await readMessage({ binaryMessage: ReadableStream.from(inPieces(stored)) });
      const { data: compressed } = await decrypt({ message, decryptionKeys, format: 'binary' });
      return drain(codec.decodeStream(compressed));
    },
  };
}

async function timed(work: () => Promise<number>): Promise<{ seconds: number; cpuSeconds: number; bytes: number }> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const bytes = await work();
  const used = process.cpuUsage(cpu);
  return { seconds: (performance.now() - begun) / 1000, cpuSeconds: (used.user + used.system) / 1e6, bytes };
}

// As is what makes and opens session keys: a backup has one for every pack.
if (encryptor) await decryptor.openPack((await encryptor.newPackKey()).header, 'bench');

const way = kind === 'chunks' ? await chunks() : kind === 'stream' ? stream() : await ofPackage();
const there = await timed(() => way.compress());
const back = await timed(() => way.decompress());
if (back.bytes !== data.length) throw new Error(`${back.bytes} bytes came back, not ${data.length}`);
process.stdout.write(JSON.stringify({ there, back }));
