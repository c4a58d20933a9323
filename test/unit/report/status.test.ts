import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../../src/domain/bytes.ts';
import { repositoryName, siteName } from '../../../src/domain/desired.ts';
import { diff } from '../../../src/domain/diff.ts';
import { backupId, type ObservedSite } from '../../../src/domain/observed.ts';
import { computeRecoveryWindow } from '../../../src/domain/recovery-window.ts';
import { segmentNumber } from '../../../src/domain/segment.ts';
import { renderBackupHuman, renderBackupsHuman } from '../../../src/report/backups-human.ts';
import { backupReports, renderBackupsDocument } from '../../../src/report/backups-json.ts';
import { renderStatusHuman } from '../../../src/report/status-human.ts';
import { renderStatusDocument } from '../../../src/report/status-json.ts';
import { renderWalHuman } from '../../../src/report/wal-human.ts';
import { renderWalDocument } from '../../../src/report/wal-json.ts';
import { listWal } from '../../../src/wal/list.ts';
import { at, history, hour, repository, SIZE, segments } from '../../support/observed-repository.ts';
import { cluster, declared, seen } from '../../support/observed-site.ts';
import { reportErrors } from '../../support/validate-report.ts';

const PLAIN = { color: false } as const;
const NOW = hour(31);

/** Two backups with a hole in the WAL between them, a third whose end never came, a conflict, a hold and a proof. */
const STORED = repository({
  backups: [
    { id: 'old', start: 1.5, stop: 2.5, time: 1, duration: 0.1 },
    { id: 'new', start: 20.5, stop: 21.2, time: 25, duration: 0.2 },
    { id: 'cut', start: 29.5, stop: 31.5, time: 30 },
  ],
  wal: {
    1: [
      ...segments(1, 10),
      ...segments(14, 30),
      { number: segmentNumber(12), size: bytesOf(SIZE), storedAt: hour(12), hash: 'other', conflict: true },
    ],
  },
  histories: [history(2, [1, 25.5])],
  rest: {
    otherWalFiles: new Set(['000000010000000000000001.00000028.backup']),
    holds: [{ backup: backupId('old'), reason: 'the audit of 2025', until: hour(5000) }],
    proofs: [{ backup: backupId('new'), at: hour(26), durationMilliseconds: 93_000, reachedLsn: at(24) }],
    unreadableBackups: [{ id: backupId('torn'), reason: 'backup.json is damaged' }],
  },
});

function statusOf(observed: ObservedSite, restoreTargets: readonly string[] = []) {
  const site = declared();
  const { actions } = diff(site, observed, NOW);
  return renderStatusDocument(
    [{ site, observed, actions, restoreTargets, notes: ['declared, but without effect in this version: wal.partial'] }],
    NOW,
  );
}

const TROUBLED = seen({ main: STORED, cluster: cluster({ currentLsn: at(32) }) });

describe('status', () => {
  it('is the document of the published schema, with the names of the contract', async () => {
    const document = statusOf(TROUBLED);
    expect(reportErrors('status', document)).toEqual([]);
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('golden/status.json.txt');
  });

  it('tells people what is wrong before what is well', async () => {
    await expect(renderStatusHuman(statusOf(TROUBLED), PLAIN)).toMatchFileSnapshot('golden/status.txt');
  });

  it('says unknown where nothing could be looked at, and invents nothing', async () => {
    const document = statusOf(seen({ main: undefined, cluster: undefined }), ['orders-db3']);
    expect(reportErrors('status', document)).toEqual([]);
    expect(document.sites[0]).toMatchObject({
      repositories: [{ state: 'unknown', backups: null, recoveryWindow: [], gaps: [] }],
      rpoSeconds: null,
      lastProof: null,
    });
    await expect(renderStatusHuman(document, PLAIN)).toMatchFileSnapshot('golden/status-unknown.txt');
  });

  it('says that everything would be lost only where every repository was read and leads nowhere', () => {
    const text = (observed: ObservedSite): string => renderStatusHuman(statusOf(observed), PLAIN);
    const empty = { ...STORED, backups: [] };
    expect(text(seen({ main: empty }))).toContain('everything would be lost if the cluster were gone now');
    expect(text(seen({ main: undefined }))).toContain('is unknown');
    const reached = seen({ main: STORED, cluster: cluster({ currentLsn: at(31) }) });
    expect(text(reached)).toContain('nothing would be lost if the cluster were gone now');
    const standby = seen({ main: STORED, cluster: cluster({ role: 'standby', currentLsn: at(31) }) });
    expect(text(standby)).not.toContain('nothing would be lost');
  });

  it('counts only backups that can be restored', () => {
    expect(statusOf(TROUBLED).sites[0]?.repositories[0]?.backups).toBe(2);
  });
});

describe('backups', () => {
  const view = {
    site: siteName('orders'),
    repository: repositoryName('main'),
    observed: STORED,
    window: computeRecoveryWindow(STORED, SIZE),
  };

  it('are listed newest first, by the published schema', () => {
    const document = renderBackupsDocument([view]);
    expect(reportErrors('backups', document)).toEqual([]);
    expect(document.backups.map(({ id, restorable }) => [id, restorable])).toEqual([
      ['cut', false],
      ['new', true],
      ['old', true],
    ]);
  });

  it('are a table for people, with what is not restorable and what cannot be read below it', async () => {
    const unreadable = [{ id: 'torn', repository: 'main', reason: 'backup.json is damaged' }];
    const text = renderBackupsHuman(backupReports([view]), { ...PLAIN, now: NOW, unreadable });
    await expect(text).toMatchFileSnapshot('golden/backups.txt');
  });

  it('are shown one by one with hold and proof', async () => {
    const texts = backupReports([view]).map((backup) => renderBackupHuman(backup, { ...PLAIN, now: NOW }));
    await expect(texts.join('\n')).toMatchFileSnapshot('golden/backup-show.txt');
  });

  it('of an empty repository are none', () => {
    expect(renderBackupsHuman([], { ...PLAIN, now: NOW, unreadable: [] })).toBe('no backups\n');
  });
});

describe('WAL', () => {
  const views = [
    { kind: 'known', site: siteName('orders'), repository: repositoryName('main'), ...listWal(STORED) },
    { kind: 'unknown', site: siteName('orders'), repository: repositoryName('offsite'), reason: 'connection refused' },
  ] as const;

  it('is the document of the published schema', () => {
    const document = renderWalDocument(views);
    expect(reportErrors('wal', document)).toEqual([]);
    expect(document.repositories[0]).toMatchObject({
      ranges: [
        { firstSegment: '000000010000000000000001', count: 10 },
        { firstSegment: '00000001000000000000000E', count: 17 },
      ],
      gaps: [{ firstSegment: '00000001000000000000000B', lastSegment: '00000001000000000000000D', count: 3 }],
      conflicts: ['00000001000000000000000C'],
      histories: [2],
    });
  });

  it('is ranges for people, with what is missing in between', async () => {
    const text = renderWalHuman(renderWalDocument(views), { ...PLAIN, now: NOW });
    await expect(text).toMatchFileSnapshot('golden/wal.txt');
  });
});
