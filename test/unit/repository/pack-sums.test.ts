import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { newBackupId } from '../../../src/repository/backup-id.ts';
import { createChunkIndex } from '../../../src/repository/chunk-index.ts';
import { packKey, packSumsKey } from '../../../src/repository/layout.ts';
import { observeRepository } from '../../../src/repository/observe-repository.ts';
import { readPackSums } from '../../../src/repository/pack-sums.ts';
import { createPackWriter } from '../../../src/repository/pack-writer.ts';
import { removeBackup, removePacks } from '../../../src/repository/remove.ts';
import { codeOf, putText } from '../../support/repository-objects.ts';
import { commitSmallBackup, storeSmallBackup } from '../../support/small-backup.ts';
import { calm, temporaryRepository } from '../../support/temporary-repository.ts';
import { type TestKey, testEncryption, testKey } from '../../support/test-keys.ts';

let anna: TestKey;
beforeAll(async () => {
  anna = await testKey('anna');
});

const sha256sum = (folder: string) =>
  promisify(execFile)('sha256sum', ['--strict', '-c', 'SHA256SUMS'], { cwd: folder });

const FILES = new Map(['a', 'b', 'c'].map((name) => [name, Buffer.from(crypto.getRandomValues(new Uint8Array(5000)))]));

describe('the sums of packs', () => {
  it.each([undefined, 'encrypted'])('are what sha256sum reads (%s)', async (encrypted) => {
    const encryption = testEncryption({ recipients: [anna], owners: [] });
    await using place = await temporaryRepository(encrypted === undefined ? {} : { encryption });
    const { repo } = place;
    const { id, packs } = await commitSmallBackup(repo, { files: FILES, packBytes: 6000 });
    expect(packs).toHaveLength(3);
    const folder = dirname(place.pathOf(packSumsKey(repo.site, id)));
    const { stdout } = await sha256sum(folder);
    const extension = encrypted === undefined ? 'pack' : 'pack.pgp';
    expect(stdout).toBe([0, 1, 2].map((number) => `0000000${number}.${extension}: OK\n`).join(''));
    expect([...((await readPackSums(repo, id, packs.slice(1), calm())) ?? [])].map(([name]) => name)).toEqual([
      `${id}/1`,
      `${id}/2`,
    ]);
    const [pack] = packs;
    if (pack) await place.rewrite(packKey(repo.site, pack), (bytes) => bytes.fill((bytes[100] ?? 0) ^ 1, 100, 101));
    await expect(sha256sum(folder)).rejects.toThrow('1 computed checksum did NOT match');
  });

  it('are not written where no pack was, nor a second time', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const first = await commitSmallBackup(repo, { files: FILES });
    const id = newBackupId(repo.clock.now(), repo.random);
    expect(await createPackWriter(repo, id, { signal: calm() }).close()).toEqual({ packs: [], bytes: 0 });
    expect(await readPackSums(repo, id, [], calm())).toBeUndefined();
    await putText(repo, packSumsKey(repo.site, id), 'somebody was here');
    const writer = createPackWriter(repo, id, { signal: calm() });
    await writer.append(await writer.reserve(3), Buffer.from('abc'));
    expect(await codeOf(writer.close())).toBe('backup.failed');
    expect((await observeRepository(repo, calm())).backups.map((each) => each.id)).toEqual([first.id]);
  });

  it.each([
    ['an upper-case digit', (text: string) => text.replace(/[a-f]/, (digit) => digit.toUpperCase())],
    ['a space less', (text: string) => text.replace('  ', ' ')],
    ['a cut line', (text: string) => text.slice(0, -1)],
    ['lines out of order', (text: string) => `${text.trimEnd().split('\n').toReversed().join('\n')}\n`],
    ['another name', (text: string) => text.replace('.pack', '.park')],
    ['an endless line', () => 'a'.repeat(1_000_000)],
  ])('are refused with %s', async (_name, damage) => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const { id, packs } = await commitSmallBackup(repo, { files: FILES, packBytes: 6000 });
    const key = packSumsKey(repo.site, id);
    const text = (await readFile(place.pathOf(key))).toString();
    expect(damage(text)).not.toBe(text);
    await place.rewrite(key, () => Buffer.from(damage(text)));
    expect(await codeOf(readPackSums(repo, id, packs, calm()))).toBe('object.corrupt');
  });

  it('go with the last pack that a backup may need, and are leftovers when only they are left', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const there = async (key: string): Promise<boolean> =>
      (await repo.store.head(key, { signal: calm() })) !== undefined;
    const first = await commitSmallBackup(repo, { files: FILES, packBytes: 6000, startTime: 1_000_000 });
    const key = packSumsKey(repo.site, first.id);
    await removeBackup(repo, first.id, calm());
    expect((await observeRepository(repo, calm())).strays).toEqual([]);
    await removePacks(repo, first.packs, calm());
    expect(await there(key)).toBe(false);

    // A removal that was killed between the packs and their sums.
    await putText(repo, key, 'left');
    expect((await observeRepository(repo, calm())).strays.map((stray) => stray.key)).toEqual([key]);

    // A backup that was never committed: its packs are listed, and protect its sums as long as they are there.
    const orphan = await storeSmallBackup(repo, { files: FILES, startTime: 2_000_000 });
    expect((await observeRepository(repo, calm())).strays.map((stray) => stray.key)).not.toContain(
      packSumsKey(repo.site, orphan.id),
    );
  });

  it('stay while a marker names any pack of theirs', async () => {
    await using place = await temporaryRepository();
    const { repo } = place;
    const index = createChunkIndex();
    const first = await commitSmallBackup(repo, { files: FILES, packBytes: 6000, startTime: 1_000_000, index });
    const [[name, content] = ['', Buffer.alloc(0)]] = FILES;
    await commitSmallBackup(repo, {
      files: new Map([[name, content]]),
      startTime: 2_000_000,
      index,
      earlier: [first],
    });
    await removeBackup(repo, first.id, calm());
    expect(await removePacks(repo, first.packs.slice(1), calm())).toEqual({ removed: 2, retained: [] });
    expect(await repo.store.head(packSumsKey(repo.site, first.id), { signal: calm() })).toBeDefined();
    expect((await observeRepository(repo, calm())).strays).toEqual([]);
  });
});
