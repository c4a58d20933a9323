import { describe, expect, it } from 'vitest';
import { repositoryName, siteName } from '../../../src/domain/desired.ts';
import type { FailureCode } from '../../../src/domain/failure.ts';
import { backupId } from '../../../src/domain/observed.ts';
import { type VerifiedBackup, type VerifiedRepository, verifyExit } from '../../../src/domain/verification.ts';
import { renderVerifyHuman } from '../../../src/report/verify-human.ts';
import { renderVerifyDocument } from '../../../src/report/verify-json.ts';
import { reportErrors } from '../../support/validate-report.ts';

const ID = backupId('20261122T020304Z-00abcdef');
const PACK = `sites/orders/packs/${ID}/00000000.pack.pgp`;

const WHOLE: VerifiedBackup = {
  encrypted: true,
  content: 'opened',
  stored: { objects: 3, bytes: 134_217_728 },
  opened: { files: 940, chunks: 1200, bytes: 268_435_456 },
  wal: { needed: 2, there: 2, verified: 2, opened: 2 },
  findings: [],
  findingsLeftOut: 0,
  notes: [],
};

const inRepository = (repository: string, outcome: VerifiedRepository['outcome']): VerifiedRepository => ({
  site: siteName('orders'),
  repository: repositoryName(repository),
  backup: ID,
  outcome,
});

const finding = (kind: 'damaged' | 'unverifiable', code: FailureCode): VerifiedBackup => ({
  ...WHOLE,
  content: 'failed',
  findings: [{ kind, key: PACK, message: `${PACK} is not as it should be`, code }],
  findingsLeftOut: 12,
});

const damaged = inRepository('bucket', finding('damaged', 'object.corrupt'));
const locked = inRepository('vault', finding('unverifiable', 'key.missing'));
const unsummed = inRepository('old', finding('unverifiable', 'object.unverifiable'));
const lost = inRepository('disk', 'the directory is missing');
const whole = inRepository('main', { ...WHOLE, notes: ['those packs were verified by their content'] });
const closed = inRepository('offsite', {
  ...WHOLE,
  content: 'no-private-key',
  opened: { files: 0, chunks: 0, bytes: 0 },
  wal: { needed: 2, there: 2, verified: 2, opened: 0 },
});

describe('the exit status of a verification', () => {
  it.each<[readonly VerifiedRepository[], boolean, number]>([
    [[whole, closed], false, 0],
    [[whole], true, 3],
    [[whole, lost], false, 3],
    [[lost], false, 1],
    [[whole, unsummed], false, 1],
    [[whole, unsummed, locked], true, 12],
    [[locked, damaged, lost], true, 1],
  ])('of case %#', (verified, unreadable, status) => {
    expect(verifyExit(verified, unreadable)).toBe(status);
  });
});

it('the report of a verification names every verdict', async () => {
  const document = renderVerifyDocument(ID, [whole, closed, damaged, unsummed, lost]);
  expect(reportErrors('verify', document)).toEqual([]);
  expect(document.ok).toBe(false);
  await expect(renderVerifyHuman(document, { color: false })).toMatchFileSnapshot('golden/verify.txt');
  expect(renderVerifyDocument(ID, [whole, closed]).ok).toBe(true);
});
