import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VerifyReport } from '../../src/policy/generated/verify-report.ts';
import { createSecretResolver } from '../../src/policy/secret-resolver.ts';
import type { BackupMarker } from '../../src/repository/backup-marker.ts';
import { packKey, packSumsKey } from '../../src/repository/layout.ts';
import { openEncryption } from '../../src/repository/open-encryption.ts';
import { createLocalStore } from '../../src/storage/local/local-store.ts';
import { systemClock } from '../../src/telemetry/system-effects.ts';
import { giveToServer } from '../../support/unprivileged.ts';
import { encryptedPolicies, type KeyFolder, keyFolder } from '../support/key-folder.ts';
import { nameOf, storeText } from '../support/repository-objects.ts';
import { commitSmallBackup } from '../support/small-backup.ts';
import { calm, openTestRepository } from '../support/temporary-repository.ts';
import { reportErrors } from '../support/validate-report.ts';

const declared = (more = ''): string =>
  encryptedPolicies(`  encryption:\n    recipients: [{ fromFile: prod.pub.asc }]\n${more}`);
const PRIVATE_KEY = '    privateKey: { fromFile: prod.key.asc }\n';

describe('hoard backup verify', { timeout: 120_000 }, () => {
  let place: KeyFolder;
  let marker: BackupMarker;

  beforeAll(async () => {
    place = keyFolder();
    await place.create('prod', '--no-passphrase');
    const recipient = { kind: 'file', path: path.join(place.folder, 'prod.pub.asc') } as const;
    const keys = { privateKey: undefined, passphrase: undefined, signing: undefined, trustedSigners: [] };
    await createLocalStore(place.repository);
    const repo = await openTestRepository(place.repository, {
      name: 'local',
      encryption: openEncryption(
        { recipients: [recipient], ...keys },
        { secrets: createSecretResolver({}), clock: systemClock, signal: calm() },
      ),
    });
    const files = new Map([['PG_VERSION', Buffer.from('18\n')]]);
    marker = await commitSmallBackup(repo, { files });
    await storeText(repo, nameOf(2), '\0'.repeat(16 * 2 ** 20));
    giveToServer(place.folder);
  });
  afterAll(() => place[Symbol.dispose]());

  async function verify(...args: readonly string[]): Promise<{ status: number; document: VerifyReport }> {
    const { status, stdout, stderr } = await place.hoard('backup', 'verify', marker.id, '--output', 'json', ...args);
    expect(stdout, stderr).not.toBe('');
    const document = JSON.parse(stdout) as VerifyReport;
    expect(reportErrors('verify', document)).toEqual([]);
    return { status, document };
  }

  /** Every file with its bytes and times. */
  const stored = (): readonly string[] =>
    readdirSync(place.repository, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => path.join(parentPath, name))
      .map((file) => `${file} ${statSync(file).mtimeMs} ${readFileSync(file).toString('hex')}`);

  it('says without a private key that the stored bytes are whole and that no more was looked at, and writes nothing', async () => {
    place.write(declared());
    const before = stored();
    const human = await place.hoard('backup', 'verify', marker.id.slice(0, 12));
    expect(human).toMatchObject({ status: 0 });
    expect(human.stdout).toContain(
      'stored bytes verified; the content was not opened: no private key is declared here\n  stored: 2 objects',
    );
    expect(human.stdout).toContain('WAL: 1 of 1 file there, 1 verified, 0 opened');
    expect(await verify()).toMatchObject({
      status: 0,
      document: { ok: true, repositories: [{ state: 'whole', content: 'no-private-key', encrypted: true }] },
    });
    expect(stored()).toEqual(before);
  });

  it('opens the content with one, unless it is told not to', async () => {
    place.write(declared(PRIVATE_KEY));
    const opened = { files: 1, chunks: 1, bytes: 3 };
    expect(await verify()).toMatchObject({
      status: 0,
      document: {
        repositories: [
          { state: 'whole', content: 'opened', opened, wal: { needed: 1, there: 1, verified: 1, opened: 1 } },
        ],
      },
    });
    expect(await verify('--stored')).toMatchObject({
      status: 0,
      document: { repositories: [{ state: 'whole', content: 'not-asked', stored: { objects: 2 } }] },
    });
    expect((await place.hoard('backup', 'verify', marker.id)).stdout).toContain('repository "local": whole\n');
  });

  it('ends with 12 where the declared key does not open the backup', async () => {
    await place.create('other', '--no-passphrase');
    place.write(declared('    privateKey: { fromFile: other.key.asc }\n'));
    const { status, document } = await verify();
    expect(status).toBe(12);
    expect(document).toMatchObject({ ok: false, repositories: [{ state: 'unverifiable', content: 'failed' }] });
    expect(document.repositories[0]?.findings.map(({ code }) => code)).toContain('key.missing');
  });

  it('names a damaged pack, and what cannot be verified, and ends with 1', async () => {
    place.write(declared());
    const [pack] = marker.packs;
    if (!pack) throw new Error('the backup has no pack');
    const key = packKey(marker.site, pack);
    const file = path.join(place.repository, key);
    const whole = readFileSync(file);
    writeFileSync(file, Buffer.concat([whole.subarray(0, -1), Buffer.from([(whole.at(-1) ?? 0) ^ 1])]));
    const damaged = await verify();
    expect(damaged).toMatchObject({ status: 1, document: { ok: false, repositories: [{ state: 'damaged' }] } });
    expect(damaged.document.repositories[0]?.findings).toMatchObject([
      { kind: 'damaged', key, code: 'object.corrupt' },
    ]);
    expect((await place.hoard('backup', 'verify', marker.id)).stdout).toContain(
      `✗ ${key} is damaged: its stored bytes`,
    );
    writeFileSync(file, whole);
    const sums = packSumsKey(marker.site, marker.id);
    const sumsFile = path.join(place.repository, sums);
    const text = readFileSync(sumsFile);
    writeFileSync(sumsFile, '');
    expect((await verify()).document.repositories[0]?.findings).toMatchObject([{ kind: 'damaged', key: sums }]);
    writeFileSync(sumsFile, text);
    expect((await verify()).status).toBe(0);
  });

  it('ends with 3 where another repository could not be read, and with 1 where none could', async () => {
    const lost = `apiVersion: hoard/v1\nkind: Repository\nmetadata: { name: lost }\nspec:\n  storage: { type: local, directory: ./lost }\n---\n`;
    place.write(`${lost}${declared().replace('repositories: [local]', 'repositories: [local, lost]')}`);
    const partly = await place.hoard('backup', 'verify', marker.id);
    expect(partly).toMatchObject({ status: 3 });
    expect(partly.stderr).toContain('warning: repository "lost" of site "orders" could not be read');
    expect(partly.stdout).toContain('repository "local": stored bytes verified');
    expect((await place.hoard('backup', 'verify', marker.id, '--repository', 'lost')).status).toBe(1);
  });

  it('knows only backups that are there', async () => {
    place.write(declared());
    const unknown = await place.hoard('backup', 'verify', '2001');
    expect(unknown.status).toBe(1);
    expect(unknown.stderr).toContain('no backup has the id "2001"');
  });
});
