import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Decryptor, Encryptor } from '../../../../src/codec/encryption.ts';
import { CLOSING_SUM_BYTES, readClosingSum } from '../../../../src/codec/openpgp/closing-sum.ts';
import { decryptContent, encryptContent } from '../../../../src/codec/openpgp/protected-data.ts';
import { isFailure } from '../../../../src/domain/failure.ts';
import { decryptorFor, encryptorFor, type TestKey, testKey } from '../../../support/test-keys.ts';

const KEY = 'sites/orders/wal/00000001/00000000/000000010000000000000003-ff.zst.pgp';

let anna: TestKey;
let ben: TestKey;
let host: TestKey;
let stranger: TestKey;
beforeAll(async () => {
  anna = await testKey('anna');
  ben = await testKey('ben', { passphrase: 'correct horse', type: 'rsa' });
  host = await testKey('host');
  stranger = await testKey('stranger');
});

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
const whole = (bytes: Uint8Array): AsyncGenerator<Uint8Array> => cut(bytes, [2 ** 20]);

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

const messageOf = (encryptor: Encryptor, content: Uint8Array): Promise<Buffer> =>
  collect(encryptor.encrypt(whole(content), KEY));
const read = (decryptor: Decryptor, message: Uint8Array, name = KEY): Promise<Buffer> =>
  collect(decryptor.decrypt(whole(message), name, 'required'));

const sealed = async (encryptor: Encryptor, content: Uint8Array): Promise<Buffer> =>
  collect((await encryptor.seal(() => whole(content), KEY)).bytes);
const reader = (): Decryptor => decryptorFor([anna], [host]);

/** What is read, or undefined where it is refused with a code that says why. */
async function openedBy(decryptor: Decryptor, message: Uint8Array): Promise<Buffer | undefined> {
  try {
    return await read(decryptor, message);
  } catch (error) {
    if (isFailure(error, 'object.corrupt', 'object.untrusted', 'key.missing')) return undefined;
    throw error;
  }
}

/** Every single bit, flipped. */
async function eachDamage(message: Buffer, look: (changed: Buffer) => Promise<void>): Promise<void> {
  for (let bit = 0; bit < message.length * 8; bit += 1) {
    const changed = Buffer.from(message);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    await look(changed);
  }
}

/** Sizes around the limits of packet lengths and parts. */
const SIZES = [0, 1, 15, 16, 17, 185, 186, 191, 192, 8383, 8384, 65_529, 65_530, 65_536, 131_066, 200_000];

describe('a message', () => {
  it('comes back the same, whatever it holds and however it is cut, for each recipient', async () => {
    for (const signing of [undefined, host]) {
      const encryptor = await encryptorFor([anna, ben], signing);
      const readers = [decryptorFor([anna]), decryptorFor([stranger, ben])];
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(fc.constantFrom(...SIZES), fc.nat(70_000)),
          fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 4 }),
          fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 4 }),
          async (size, writing, reading) => {
            const content = randomBytes(size);
            const message = await collect(encryptor.encrypt(cut(content, writing), KEY));
            for (const reader of readers) {
              const found = await collect(reader.decrypt(cut(message, reading), KEY, 'required'));
              expect(found.equals(content)).toBe(true);
            }
          },
        ),
        { numRuns: 12, examples: SIZES.map((size) => [size, [size + 1], [3]]) },
      );
    }
  });

  it('has a session key and a beginning of its own each time', async () => {
    const encryptor = await encryptorFor([anna]);
    const [first, second] = [
      await messageOf(encryptor, Buffer.alloc(40)),
      await messageOf(encryptor, Buffer.alloc(40)),
    ];
    expect(first.length).toBe(second.length);
    expect(first.subarray(-40).equals(second.subarray(-40))).toBe(false);
  });

  it('is refused with every single bit flipped and with every tail cut, and with anything behind it', async () => {
    const encryptor = await encryptorFor([anna], host);
    const content = Buffer.from('forty-two rows of orders');
    const message = await messageOf(encryptor, content);
    await eachDamage(message, async (changed) => {
      const found = await openedBy(reader(), changed);
      // Bits that mean nothing may be flipped, but then the content and its signature are what they were.
      if (found !== undefined) expect(found.equals(content)).toBe(true);
    });
    for (let length = 0; length < message.length; length += 1)
      await expect(read(reader(), message.subarray(0, length))).rejects.toMatchObject({ name: 'Failure' });
    await expect(read(reader(), Buffer.concat([message, Buffer.from([0])]))).rejects.toMatchObject({ name: 'Failure' });
    await expect(read(reader(), Buffer.concat([message, message]))).rejects.toMatchObject({ name: 'Failure' });
  }, 300_000);

  it('that is sealed shows every flipped bit and every cut tail to who has no key, too', async () => {
    const content = Buffer.from('forty-two rows of orders');
    for (const signing of [undefined, host]) {
      const message = await sealed(await encryptorFor([anna, ben], signing), content);
      expect((await read(decryptorFor([anna], signing && [signing]), message)).equals(content)).toBe(true);
      expect(await readClosingSum(whole(message))).toBe('fits');
      await eachDamage(message, async (changed) => {
        expect(await readClosingSum(whole(changed))).not.toBe('fits');
        // The signature changes nothing of this, and costs time.
        if (signing === undefined) expect(await openedBy(decryptorFor([anna]), changed)).toBe(undefined);
      });
      const withoutSum = message.length - CLOSING_SUM_BYTES;
      for (let length = 0; length < message.length; length += 1) {
        const cutOff = message.subarray(0, length);
        expect(await readClosingSum(whole(cutOff))).toBe('absent');
        if (signing !== undefined) continue;
        // Without its sum it is as another program writes it: whole.
        if (length === withoutSum) expect((await read(decryptorFor([anna]), cutOff)).equals(content)).toBe(true);
        else await expect(read(decryptorFor([anna]), cutOff)).rejects.toMatchObject({ name: 'Failure' });
      }
      await expect(read(decryptorFor([anna]), Buffer.concat([message, message]))).rejects.toMatchObject({
        name: 'Failure',
      });
    }
  }, 300_000);

  it('that is sealed comes back the same and has the size that was said, whatever it holds', async () => {
    for (const signing of [undefined, host, ben]) {
      const encryptor = await encryptorFor([anna], signing);
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(fc.constantFrom(...SIZES), fc.nat(70_000)),
          fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 4 }),
          async (size, sizes) => {
            const content = randomBytes(size);
            const message = await encryptor.seal(() => cut(content, sizes), KEY);
            const bytes = await collect(message.bytes);
            expect(bytes.length).toBe(message.size);
            const found = await collect(
              decryptorFor([anna], signing && [signing]).decrypt(cut(bytes, sizes), KEY, 'required'),
            );
            expect(found.equals(content)).toBe(true);
            expect(await readClosingSum(cut(bytes, sizes))).toBe('fits');
          },
        ),
        { numRuns: 12, examples: SIZES.map((size) => [size, [size + 1]]) },
      );
    }
  });

  it('is not sealed where the content is another one when it is read again', async () => {
    let turn = 0;
    const changing = (): AsyncGenerator<Uint8Array> => {
      turn += 1;
      return whole(Buffer.alloc(100, turn));
    };
    const message = await (await encryptorFor([anna], host)).seal(changing, KEY);
    await expect(collect(message.bytes)).rejects.toThrow('changed between two readings');
  });

  it('passes an error of its source on as it is', async () => {
    const encryptor = await encryptorFor([anna], host);
    const broken = new Error('the disk is gone');
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield randomBytes(70_000);
      throw broken;
    }
    await expect(collect(encryptor.encrypt(failing(), KEY))).rejects.toBe(broken);
    await expect(collect(decryptorFor([anna]).decrypt(failing(), KEY, 'required'))).rejects.toThrow();
    const message = await messageOf(encryptor, randomBytes(200_000));
    async function* half(): AsyncGenerator<Uint8Array> {
      yield message.subarray(0, 100_000);
      throw broken;
    }
    await expect(collect(decryptorFor([anna]).decrypt(half(), KEY, 'required'))).rejects.toBe(broken);
  });
});

describe('keys', () => {
  it('that are missing are named', async () => {
    const message = await messageOf(await encryptorFor([anna, ben]), Buffer.from('x'));
    await expect(read(decryptorFor([]), message)).rejects.toMatchObject({
      code: 'key.missing',
      message: expect.stringMatching(
        /encrypted to key [0-9A-F]{16}, key [0-9A-F]{16}; no private key is declared here/,
      ),
    });
    await expect(read(decryptorFor([stranger]), message)).rejects.toMatchObject({
      code: 'key.missing',
      message: expect.stringContaining('(stranger)'),
    });
  });

  it('with a wrong passphrase, or none, say so', async () => {
    const message = await messageOf(await encryptorFor([ben]), Buffer.from('x'));
    for (const passphrase of ['wrong horse', undefined]) {
      await expect(read(decryptorFor([{ ...ben, passphrase }]), message)).rejects.toMatchObject({
        code: 'key.passphrase',
        message: expect.stringContaining('file ben.key.asc'),
      });
    }
  });

  it('that nobody may encrypt to are refused before anything is written; what was written to them stays readable', async () => {
    const made = new Date(Date.now() - 86_400_000 * 10);
    const short = await testKey('short', { made, expiresIn: 86_400 * 5 });
    const then = new Date(made.getTime() + 3_600_000);
    const message = await messageOf(await encryptorFor([short], short, then), Buffer.from('old'));
    expect(await read(decryptorFor([short]), message)).toEqual(Buffer.from('old'));
    await expect(encryptorFor([short])).rejects.toMatchObject({
      code: 'key.unusable',
      message: expect.stringMatching(/file short\.pub\.asc holds key [0-9A-F]{40} \(short\), which expired on 20/),
    });
    await expect(encryptorFor([anna], short)).rejects.toMatchObject({ code: 'key.unusable' });
  });

  it.each([
    ['no armor', 'ssh-ed25519 AAAA', 'holds no OpenPGP key in ASCII armor'],
    ['a cut block', '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjMEZ', 'holds no OpenPGP key in ASCII armor'],
    [
      'a damaged block',
      '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----',
      'cannot be read',
    ],
  ])('a recipient of %s is refused', async (_name, publicKey, message) => {
    await expect(encryptorFor([{ ...anna, publicKey }])).rejects.toMatchObject({
      code: 'key.unusable',
      message: expect.stringContaining(message),
    });
  });

  it('of the wrong half are refused, and never printed', async () => {
    const swapped = await encryptorFor([{ ...anna, publicKey: anna.privateKey }]).catch((error: unknown) => error);
    expect(swapped).toMatchObject({
      code: 'key.unusable',
      message: expect.stringContaining('holds a private key where'),
    });
    expect(String(swapped)).not.toContain('BEGIN');
    const message = await messageOf(await encryptorFor([anna]), Buffer.from('x'));
    await expect(read(decryptorFor([{ ...anna, privateKey: anna.publicKey }]), message)).rejects.toMatchObject({
      code: 'key.unusable',
    });
  });

  it('may be several in one file, each for itself', async () => {
    const both = {
      ...anna,
      publicKey: `${anna.publicKey}\n${ben.publicKey}`,
      privateKey: `${stranger.privateKey}\n${anna.privateKey}`,
    };
    const encryptor = await encryptorFor([both]);
    expect(encryptor.recipients).toHaveLength(2);
    const message = await messageOf(encryptor, Buffer.from('x'));
    expect(await read(decryptorFor([both]), message)).toEqual(Buffer.from('x'));
    expect(await read(decryptorFor([ben]), message)).toEqual(Buffer.from('x'));
  });
});

describe('a signature', () => {
  it('of a trusted signer is asked for where one is declared', async () => {
    const content = randomBytes(100_000);
    const reader = decryptorFor([anna], [host]);
    expect((await read(reader, await messageOf(await encryptorFor([anna], host), content))).equals(content)).toBe(true);
    for (const signing of [undefined, stranger, anna]) {
      const message = await messageOf(await encryptorFor([anna], signing), content);
      await expect(read(reader, message)).rejects.toMatchObject({ code: 'object.untrusted' });
      expect((await read(decryptorFor([anna]), message)).equals(content)).toBe(true);
    }
  });

  it('is of one object only', async () => {
    const message = await messageOf(await encryptorFor([anna], host), Buffer.from('x'));
    await expect(read(decryptorFor([anna], [host]), message, 'sites/orders/other')).rejects.toMatchObject({
      code: 'object.untrusted',
      message: expect.stringContaining(`its signature is of another object: ${KEY}`),
    });
  });

  it('without encryption can be read with public keys alone, and is checked where it is asked for', async () => {
    const content = Buffer.from('1\t0/3000000\tno recovery target specified\n');
    const signed = await collect((await encryptorFor([anna], host)).sign(whole(content), KEY));
    expect(await read(decryptorFor([], [host]), signed)).toEqual(content);
    const forged = await collect((await encryptorFor([anna], stranger)).sign(whole(content), KEY));
    await expect(read(decryptorFor([], [host]), forged)).rejects.toMatchObject({ code: 'object.untrusted' });
    expect(await collect(decryptorFor([], [host]).decrypt(whole(forged), KEY, 'any'))).toEqual(content);
    const at = signed.indexOf('recovery');
    const changed = Buffer.from(signed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await expect(read(decryptorFor([], [host]), changed)).rejects.toMatchObject({ code: 'object.untrusted' });
  });
});

describe('a chunk of a pack', () => {
  it('comes back the same; every flipped bit, every cut, another key and anything behind it are noticed', async () => {
    const encryptor = await encryptorFor([anna, ben]);
    const { header, sessionKey } = await encryptor.newPackKey();
    for (const size of [...SIZES, 2 ** 20]) {
      const content = randomBytes(size);
      const packet = encryptContent(sessionKey, content);
      expect(Buffer.from(decryptContent(sessionKey, packet)).equals(content)).toBe(true);
    }
    const packet = encryptContent(sessionKey, Buffer.from('eight kilobytes of a page'));
    const refused = (changed: Uint8Array, key = sessionKey): void => {
      expect(() => decryptContent(key, changed)).toThrow(/an encrypted OpenPGP packet/);
    };
    for (let bit = 0; bit < packet.length * 8; bit += 1) {
      const changed = Buffer.from(packet);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      refused(changed);
    }
    for (let length = 0; length < packet.length; length += 1) refused(packet.subarray(0, length));
    refused(Buffer.concat([packet, Buffer.from([0])]));
    refused(packet, randomBytes(32));
    for (const owner of [anna, ben]) {
      expect(Buffer.from(await decryptorFor([owner]).openPack(header, 'a pack')).equals(Buffer.from(sessionKey))).toBe(
        true,
      );
    }
    await expect(decryptorFor([stranger]).openPack(header, 'a pack')).rejects.toMatchObject({ code: 'key.missing' });
    await expect(decryptorFor([anna]).openPack(header.subarray(0, -1), 'a pack')).rejects.toMatchObject({
      code: 'object.corrupt',
    });
  });
});
