import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decryptor, Encryptor } from '../../src/codec/encryption.ts';
import { encryptContent } from '../../src/codec/openpgp/protected-data.ts';
import { GnuPg, missingGnuPg } from '../support/gnupg.ts';
import { decryptorFor, encryptorFor, type TestKey, testKey } from '../support/test-keys.ts';

const KEY = 'sites/orders/wal/00000001/00000000/000000010000000000000003-ff.zst.pgp';
const PASSPHRASE = 'correct horse';

/** Around the limits of packet lengths and parts, and above what a pipe holds. */
const SIZES = [0, 1, 191, 192, 8383, 8384, 65_530, 65_536, 200_000, 3_000_000];

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

const same = (found: Uint8Array, wanted: Uint8Array): void => {
  expect(found.length).toBe(wanted.length);
  expect(Buffer.compare(found, wanted)).toBe(0);
};

describe.skipIf(missingGnuPg !== '')(`GnuPG${missingGnuPg}`, () => {
  const rings: GnuPg[] = [];
  const newRing = (): GnuPg => {
    const ring = new GnuPg();
    rings.push(ring);
    return ring;
  };
  afterAll(() => {
    for (const ring of rings) ring[Symbol.dispose]();
  });

  /** A key that GnuPG made, alone in its ring, and the same for hoard. */
  interface GnuPgKey {
    readonly ring: GnuPg;
    readonly fingerprint: string;
    readonly key: TestKey;
    readonly unlock: readonly string[];
  }
  function gnuPgKey(name: string, algorithms: Parameters<GnuPg['newKey']>[1], passphrase?: string): GnuPgKey {
    const ring = newRing();
    const fingerprint = ring.newKey(name, algorithms, passphrase);
    const key = {
      name,
      publicKey: ring.publicKey(fingerprint),
      privateKey: ring.privateKey(fingerprint, passphrase),
      passphrase,
    };
    const unlock = passphrase === undefined ? [] : ['--pinentry-mode', 'loopback', '--passphrase', passphrase];
    return { ring, fingerprint, key, unlock };
  }

  let owners: readonly GnuPgKey[];
  let signer: GnuPgKey;
  let made: TestKey;
  let hoardRing: GnuPg;
  let decryptors: readonly Decryptor[];
  beforeAll(async () => {
    owners = [
      gnuPgKey('curve', ['ed25519', 'cv25519']),
      gnuPgKey('rsa', ['rsa2048', 'rsa2048']),
      gnuPgKey('locked', ['ed25519', 'cv25519'], PASSPHRASE),
      gnuPgKey('locked rsa', ['rsa3072', 'rsa3072'], PASSPHRASE),
    ];
    signer = gnuPgKey('signer', ['ed25519', 'cv25519']);
    made = await testKey('made by hoard');
    hoardRing = newRing();
    hoardRing.succeed(['--import'], Buffer.from(made.privateKey));
    for (const { ring } of [...owners, { ring: hoardRing }])
      ring.succeed(['--import'], Buffer.from(signer.key.publicKey));
    decryptors = [...owners.map(({ key }) => key), made].map((key) => decryptorFor([key], [signer.key]));
  });

  const everyRing = () => [...owners, { ring: hoardRing, unlock: [] as readonly string[] }];
  const everybody = (): readonly TestKey[] => [...owners.map(({ key }) => key), made];

  /** What gpg makes of a message, with a signature that it holds good. */
  function opened({ ring, unlock }: Pick<GnuPgKey, 'ring' | 'unlock'>, message: Uint8Array, signed: boolean): Buffer {
    const { status, stdout, stderr } = ring.run([...unlock, '--decrypt'], message);
    expect(status, stderr).toBe(0);
    if (signed) expect(stderr).toMatch(/Good signature from "signer"/);
    return stdout;
  }

  describe('opens what hoard writes', () => {
    it('for each of several recipients, whatever its size', { timeout: 180_000 }, async () => {
      for (const signing of [undefined, signer.key]) {
        const encryptor = await encryptorFor(everybody(), signing);
        for (const size of SIZES) {
          const content = randomBytes(size);
          const messages = [
            await collect(encryptor.encrypt(whole(content), KEY)),
            await collect((await encryptor.seal(() => whole(content), KEY)).bytes),
          ];
          // Unlocking costs a second each time.
          const readers = size === 8384 ? everyRing() : everyRing().filter(({ unlock }) => unlock.length === 0);
          for (const message of messages)
            for (const reader of readers) same(opened(reader, message, signing !== undefined), content);
        }
      }
    });

    it('and tells who signed it, as which object', async () => {
      const encryptor = await encryptorFor([made], signer.key);
      const content = randomBytes(1000);
      for (const message of [
        await collect(encryptor.encrypt(whole(content), KEY)),
        // As histories are stored: readable without a private key.
        await collect(encryptor.sign(whole(content), KEY)),
      ]) {
        const { status, stderr } = hoardRing.run(['--status-fd', '2', '--decrypt'], message);
        expect(status, stderr).toBe(0);
        expect(stderr).toMatch(/^\[GNUPG:\] GOODSIG /m);
        expect(stderr).toMatch(new RegExp(`^\\[GNUPG:\\] VALIDSIG .* ${signer.fingerprint}$`, 'm'));
        const [, notation = ''] = /NOTATION_NAME object@hoard\n((?:.* NOTATION_(?!NAME).*\n)+)/.exec(stderr) ?? [];
        const object = [...notation.matchAll(/NOTATION_DATA (.*)$/gm)].map(([, part]) => part).join('');
        expect(object).toBe(KEY);
      }
      const signed = await collect(encryptor.sign(whole(content), KEY));
      hoardRing.succeed(['--verify'], signed);
      expect(newRing().run(['--skip-verify', '--decrypt'], signed).stdout.equals(content)).toBe(true);
    });

    it('and refuses it with a changed byte', async () => {
      const encryptor = await encryptorFor([made], signer.key);
      const message = await collect(encryptor.encrypt(whole(randomBytes(5000)), KEY));
      for (const at of [Math.floor(message.length / 2), message.length - 1]) {
        const changed = Buffer.from(message);
        changed[at] = (changed[at] ?? 0) ^ 1;
        expect(hoardRing.run(['--decrypt'], changed).status).not.toBe(0);
      }
    });

    it('chunk by chunk, with the beginning of their pack', async () => {
      const encryptor: Encryptor = await encryptorFor(everybody());
      const { header, sessionKey } = await encryptor.newPackKey();
      for (const size of [1, 8192, 1_048_576]) {
        const content = randomBytes(size);
        const message = Buffer.concat([header, encryptContent(sessionKey, content)]);
        for (const reader of everyRing()) same(opened(reader, message, false), content);
      }
    });
  });

  describe('writes what hoard opens', () => {
    const FORMS: readonly (readonly [string, readonly string[]])[] = [
      ['as it does by itself', []],
      ['without compression', ['--compress-algo', 'none']],
      ['with ZIP', ['--compress-algo', 'zip']],
      ['with ZLIB', ['--compress-algo', 'zlib', '--compress-level', '9']],
      ['with AES-128', ['--cipher-algo', 'AES']],
      ['with AES-192', ['--cipher-algo', 'AES192']],
      ['with AES-256', ['--cipher-algo', 'AES256']],
      ['in the ways of RFC 4880', ['--rfc4880', '--cipher-algo', 'AES256']],
      ['with a file name', ['--set-filename', 'segment']],
    ];
    const CONTENTS = (): readonly Buffer[] => [
      Buffer.alloc(0),
      Buffer.from('short'),
      randomBytes(70_000),
      // Compresses well, and comes in parts.
      Buffer.from('0123456789abcdef\n'.repeat(200_000)),
    ];

    function write(args: readonly string[], recipients: readonly string[], content: Buffer, hidden = false): Buffer {
      // The keys are trusted, as nobody has signed them here.
      const to = recipients.flatMap((each) => [hidden ? '--hidden-recipient' : '--recipient', each]);
      return signer.ring.succeed(['--trust-model', 'always', ...args, ...to, '--encrypt'], content);
    }
    beforeAll(() => {
      for (const { publicKey } of everybody()) signer.ring.succeed(['--import'], Buffer.from(publicKey));
    });
    const read = (decryptor: Decryptor, message: Uint8Array): Promise<Buffer> =>
      collect(decryptor.decrypt(whole(message), KEY, 'any'));

    it.each(FORMS)('%s', async (_, args) => {
      for (const content of CONTENTS()) {
        const message = write(args, ['=curve'], content);
        same(await read(decryptors[0] as Decryptor, message), content);
      }
    });

    it('to several recipients, for each of them', async () => {
      const content = randomBytes(10_000);
      const names = ['=curve', '=rsa', '=locked', '=locked rsa', '=made by hoard'];
      for (const hidden of [false, true]) {
        const message = write([], names, content, hidden);
        for (const decryptor of decryptors) same(await read(decryptor, message), content);
      }
    });

    it('signed as well: for the object that the signature names', async () => {
      const content = randomBytes(100_000);
      const sign = ['--local-user', signer.fingerprint, '--sign'];
      const named = write(['--sig-notation', `object@hoard=${KEY}`, ...sign], ['=made by hoard'], content);
      const reader = decryptorFor([made], [signer.key]);
      same(await collect(reader.decrypt(whole(named), KEY, 'required')), content);
      const other = write(['--sig-notation', 'object@hoard=another', ...sign], ['=made by hoard'], content);
      await expect(collect(reader.decrypt(whole(other), KEY, 'required'))).rejects.toMatchObject({
        code: 'object.untrusted',
      });
      same(await read(reader, other), content);
    });

    it('but for BZIP2, which is refused by name', async () => {
      const message = write(['--compress-algo', 'bzip2'], ['=curve'], Buffer.from('short'.repeat(1000)));
      await expect(read(decryptors[0] as Decryptor, message)).rejects.toMatchObject({
        code: 'object.corrupt',
        message: expect.stringContaining('compressed in a way that hoard cannot read'),
      });
    });
  });
});
