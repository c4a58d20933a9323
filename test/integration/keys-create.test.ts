import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDecryptor } from '../../src/codec/openpgp/create-decryptor.ts';
import { createEncryptor } from '../../src/codec/openpgp/create-encryptor.ts';
import { unlockKeys } from '../../src/codec/openpgp/unlock-key.ts';
import { LAUNCHER } from '../support/hoard-cli.ts';
import { encryptedPolicies, type KeyFolder, keyFolder, PASSPHRASE } from '../support/key-folder.ts';

let place: KeyFolder;

beforeAll(() => {
  place = keyFolder();
});

afterAll(() => place[Symbol.dispose]());

const inFolder = (name: string): string => path.join(place.folder, name);
const read = (name: string): string => readFileSync(inFolder(name), 'utf8');

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** Debian's gpg with a keyring of its own. */
function gnupg(home: string, args: readonly string[], input?: Uint8Array): { stdout: Buffer; stderr: string } {
  const result = spawnSync('gpg', ['--homedir', home, '--batch', '--yes', '--pinentry-mode', 'loopback', ...args], {
    ...(input && { input }),
  });
  expect(result.status, String(result.stderr)).toBe(0);
  return { stdout: result.stdout, stderr: String(result.stderr) };
}

const hasGnupg = spawnSync('gpg', ['--version']).status === 0;

describe('hoard keys create', () => {
  it('writes two files, the private one for its owner alone, and shows what to declare', async () => {
    const result = await place.hoard('keys', 'create', 'plain', '--passphrase-file', 'passphrase');
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(statSync(inFolder('plain.key.asc')).mode & 0o777).toBe(0o600);
    expect(statSync(inFolder('plain.pub.asc')).mode & 0o777).toBe(0o644);
    expect(result.stdout).toMatch(/^[0-9A-F]{40} {2}\(plain, curve25519\)\n {2}never expires/);
    expect(result.stdout).toContain(`      - { fromFile: ${inFolder('plain.pub.asc')} }\n`);
    expect(result.stdout).toContain(`    passphrase: { fromFile: ${inFolder('passphrase')} }`);
    expect(result.stdout).toContain('Keep the private key somewhere else than the backups');
    expect(result.stdout + result.stderr).not.toContain('PRIVATE KEY BLOCK');
  });

  it('what it shows is a policy that hoard accepts as it is', async () => {
    const { stdout } = await place.hoard('keys', 'create', 'declared', '--passphrase-file', 'passphrase');
    const snippet = stdout
      .split('\n')
      .filter((line) => /^ {2}( {2})*(encryption:|recipients:|- |privateKey:|passphrase:)/.test(line));
    place.write(encryptedPolicies(snippet.join('\n')));
    expect(await place.hoard('validate')).toMatchObject({ status: 0 });
  });

  it('warns loudly where nothing protects the private key', async () => {
    const result = await place.hoard('keys', 'create', 'open', '--output', 'json');
    expect(result.stderr).toContain('WARNING: THE PRIVATE KEY IS NOT PROTECTED');
    expect(JSON.parse(result.stdout)).toMatchObject({ protected: false, expires: null });
  });

  it('never replaces a file, and leaves nothing where it cannot write both', async () => {
    const before = read('plain.key.asc');
    const again = await place.hoard('keys', 'create', 'plain', '--no-passphrase');
    expect(again).toMatchObject({ status: 64, stdout: '' });
    expect(again.stderr).toContain('exists already, and a key is never overwritten');
    expect(read('plain.key.asc')).toBe(before);
    writeFileSync(inFolder('half.pub.asc'), 'somebody else’s');
    expect((await place.hoard('keys', 'create', 'half', '--no-passphrase')).status).toBe(64);
    expect(existsSync(inFolder('half.key.asc'))).toBe(false);
    expect(read('half.pub.asc')).toBe('somebody else’s');
    expect((await place.hoard('keys', 'create', 'x', '--out', 'nowhere', '--no-passphrase')).stderr).toContain(
      '(ENOENT)',
    );
  });

  it.each<[string, readonly string[], number]>([
    ['a path as name', ['../plain'], 64],
    ['bits of a curve', ['x', '--bits', '4096'], 64],
    ['two passphrases', ['x', '--passphrase-env', 'A', '--passphrase-file', 'passphrase'], 64],
    ['a passphrase and none', ['x', '--no-passphrase', '--passphrase-file', 'passphrase'], 64],
    ['a passphrase that is not there', ['x', '--passphrase-env', 'NOT_SET'], 12],
    ['an empty passphrase', ['x', '--passphrase-env', 'EMPTY'], 12],
    ['an expiry beyond what a key can say', ['x', '--no-passphrase', '--expires', '60000d'], 64],
  ])('refuses %s, and writes nothing', async (_, args, status) => {
    expect((await place.hoard('keys', 'create', ...args)).status).toBe(status);
    expect(readdirSync(place.folder).filter((name) => name.startsWith('x.'))).toEqual([]);
  });

  it('says when the key expires, if it is to', async () => {
    const { expires } = await place.create('short', '--no-passphrase', '--expires', '40d');
    expect(Math.abs(Date.parse(expires ?? '') - (Date.now() + 40 * 86_400_000))).toBeLessThan(60_000);
  });

  it.runIf(hasGnupg).each<[string, readonly string[]]>([
    ['curve25519', []],
    ['rsa3072', ['--type', 'rsa', '--bits', '3072']],
  ])(
    'GnuPG imports a key of %s, opens what hoard wrote to it, and hoard opens what GnuPG wrote',
    async (kind, args) => {
      const made = await place.create(`gnupg-${kind}`, '--passphrase-file', 'passphrase', ...args);
      expect(made).toMatchObject({ algorithm: kind, protected: true });
      const home = mkdtempSync(path.join(tmpdir(), 'hoard-gnupg-'));
      chmodSync(home, 0o700);
      try {
        gnupg(home, ['--import', made.publicKeyFile]);
        const listed = gnupg(home, ['--with-colons', '--list-keys']).stdout.toString();
        expect(listed).toContain(`:${made.fingerprint.toUpperCase()}:`);
        const content = Buffer.from('what must be readable in ten years');
        const byGnupg = gnupg(home, ['--trust-model', 'always', '--encrypt', '-r', made.fingerprint], content).stdout;
        gnupg(home, ['--passphrase', PASSPHRASE, '--import', made.privateKeyFile]);

        const publicKey = { text: readFileSync(made.publicKeyFile, 'utf8'), where: 'the test' };
        const privateKey = {
          text: readFileSync(made.privateKeyFile, 'utf8'),
          where: 'the test',
          passphrase: PASSPHRASE,
        };
        const encryptor = await createEncryptor({ recipients: [publicKey], signing: privateKey }, () => new Date());
        const byHoard = await collect(encryptor.encrypt(only(content), 'some/object'));
        const opened = gnupg(home, ['--passphrase', PASSPHRASE, '--decrypt'], byHoard);
        expect(opened.stdout).toEqual(content);
        expect(opened.stderr).toContain('Good signature from');

        const decryptor = createDecryptor({ privateKeys: () => unlockKeys(privateKey), signers: undefined });
        expect(await collect(decryptor.decrypt(only(byGnupg), 'some/object', 'any'))).toEqual(content);
      } finally {
        spawnSync('gpgconf', ['--homedir', home, '--kill', 'all']);
        rmSync(home, { recursive: true, force: true });
      }
    },
  );
});

// script(1) of util-linux gives a program a terminal of its own.
const hasTerminal = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;

/** What the terminal shows, and the exit status on the last line. Types one of `answers` for each question. */
function onTerminal(command: string, answers: readonly string[]): Promise<string> {
  const line = `${process.execPath} ${LAUNCHER} ${command}; echo "status $?"`;
  const child = spawn('script', ['-qec', line, '/dev/null'], { cwd: place.folder });
  let shown = '';
  let asked = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    if (shown.split(': ').length - 1 <= asked || !shown.endsWith(': ')) return;
    child.stdin.write(answers[asked] ?? '');
    asked += 1;
  });
  return new Promise((resolve) => child.on('close', () => resolve(shown.replaceAll('\r\n', '\n'))));
}

describe.runIf(hasTerminal)('hoard keys create on a terminal', () => {
  const QUESTION = 'Passphrase of the private key (empty: none): ';

  it('asks twice for the passphrase, and shows nothing of it', async () => {
    const shown = await onTerminal('keys create typed', ['typed in secret\r', 'typed in secret\r']);
    expect(shown).toContain(`${QUESTION}\nThe same once more: \n`);
    expect(shown).not.toContain('typed in secret');
    expect(shown).toMatch(/\nstatus 0\n$/);
    const source = { text: read('typed.key.asc'), where: 'the test' };
    await expect(unlockKeys({ ...source, passphrase: 'typed in secret' })).resolves.toHaveLength(1);
    await expect(unlockKeys({ ...source, passphrase: 'another' })).rejects.toThrow('does not open');
  });

  it('writes nothing where the two differ, or somebody stops it', async () => {
    expect(await onTerminal('keys create differs', ['one\r', 'other\r'])).toMatch(
      /differ; nothing was written[^]*status 64\n$/,
    );
    expect(await onTerminal('keys create stopped', ['half\u0003'])).toMatch(/status 130\n$/);
    expect(await onTerminal('keys create ended', ['\u0004'])).toMatch(/status 130\n$/);
    expect(readdirSync(place.folder).filter((name) => /^(differs|stopped|ended)\./.test(name))).toEqual([]);
  });

  it('an empty line is a key without a passphrase, said loudly', async () => {
    expect(await onTerminal('keys create empty', ['\r'])).toContain('THE PRIVATE KEY IS NOT PROTECTED');
    expect(await onTerminal('keys create unasked --no-passphrase', [])).not.toContain(QUESTION);
  });
});
