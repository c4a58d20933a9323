import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/domain/failure.ts';
import { instant } from '../../../src/domain/instant.ts';
import { parseLsn } from '../../../src/domain/lsn.ts';
import type { ActionOutcome, ExecutedAction } from '../../../src/domain/outcome.ts';
import { renderApplyHuman } from '../../../src/report/apply-human.ts';
import { renderApplyDocument } from '../../../src/report/apply-json.ts';
import { renderRestoreHuman } from '../../../src/report/restore-human.ts';
import { type RestoreView, renderRestoreDocument } from '../../../src/report/restore-json.ts';
import { plannedAction } from '../../support/planned-action.ts';
import { reportErrors } from '../../support/validate-report.ts';

const OUTCOMES: readonly ActionOutcome[] = [
  { kind: 'done', summary: 'removed 3 objects' },
  { kind: 'failed', failure: new Failure('store.full', { message: 'no space is left', hint: 'free some' }) },
  { kind: 'vanished', because: 'no longer needed when looked at under the lease' },
  { kind: 'changed', because: 'the repository changed' },
  { kind: 'blocked' },
  { kind: 'refused', because: 'nobody approved it' },
  { kind: 'skipped', because: 'it waits for another' },
];
const executed: readonly ExecutedAction[] = OUTCOMES.map((outcome, index) => ({
  action: plannedAction({
    id: `${index}`,
    risk: 'destructive',
    blockedBy: outcome.kind === 'blocked' ? [{ code: 'budget', message: 'one plan removes at most 1' }] : [],
  }),
  outcome,
}));

describe('apply', () => {
  it('says how each action ended', async () => {
    const text = renderApplyHuman({ executed, notes: ['x is no longer needed'], unobserved: [] }, { color: false });
    await expect(text).toMatchFileSnapshot('golden/apply.txt');
  });

  it('is the document of the published schema', () => {
    const times = { startedAt: instant(0), endedAt: instant(1500) };
    const document = renderApplyDocument({ executed, notes: ['a note'], ...times, status: 3 });
    expect(reportErrors('apply', document)).toEqual([]);
    expect(document.actions.map(({ outcome, message }) => [outcome, message])).toEqual([
      ['done', 'removed 3 objects'],
      ['failed', 'no space is left'],
      ['vanished', 'no longer needed when looked at under the lease'],
      ['changed', 'the repository changed'],
      ['blocked', 'one plan removes at most 1'],
      ['refused', 'nobody approved it'],
      ['skipped', 'it waits for another'],
    ]);
    expect(document.actions[1]?.error).toEqual({ code: 'store.full', message: 'no space is left', hint: 'free some' });
  });

  it('with nothing to do says so', () => {
    const nothing = { executed: [], notes: [], unobserved: [] };
    expect(renderApplyHuman(nothing, { color: false })).toBe('nothing to do\n');
    const blind = renderApplyHuman({ ...nothing, unobserved: ['its cluster is gone'] }, { color: false });
    expect(blind).toBe('nothing was done\n  ! its cluster is gone\n');
  });
});

describe('restore', () => {
  const view: RestoreView = {
    site: 'orders',
    choice: {
      backup: { id: '20261121T020000Z-4e5f6a7b' },
      repository: 'main',
      alternatives: ['offsite'],
      timeline: 3,
      reach: { lsn: parseLsn('0/9A000000'), time: instant(Date.UTC(2026, 10, 22, 9, 14, 3)) },
      notes: ['timeline 2 goes on after timeline 3 forked off'],
    },
    target: 'the moment 2026-11-22T09:00:00.000Z',
    action: 'promote',
    standby: false,
    dataDirectory: '/srv/pg/orders',
    outcome: undefined,
  };
  const outcome = {
    files: 972,
    bytes: 31_000_000,
    kept: 12,
    resumed: true,
    durationMilliseconds: 12_300,
    tablespaces: [{ oid: '16400', directory: '/mnt/nvme/fast' }],
  };

  it.each([
    ['restore', { ...view, outcome }],
    ['restore-dry-run', view],
    ['restore-standby', { ...view, standby: true, outcome: { ...outcome, resumed: false, tablespaces: [] } }],
  ])('%s is told to people and by the published schema', async (name, given) => {
    const document = renderRestoreDocument(given);
    expect(reportErrors('restore', document)).toEqual([]);
    await expect(renderRestoreHuman(document, { color: false })).toMatchFileSnapshot(`golden/${name}.txt`);
  });
});
