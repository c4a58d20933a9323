import type { BackupId } from '../domain/observed.ts';
import { type VerifiedRepository, verifyState } from '../domain/verification.ts';
import type { VerifyReport } from '../policy/generated/verify-report.ts';

/** The document of `hoard backup verify --output json`. */
export function renderVerifyDocument(backup: BackupId, verified: readonly VerifiedRepository[]): VerifyReport {
  const repositories = verified.map((each) => {
    const { site, repository, outcome } = each;
    const place = { site, repository, state: verifyState(each) };
    return typeof outcome === 'string'
      ? { ...place, ...NOTHING, problem: outcome }
      : {
          ...place,
          encrypted: outcome.encrypted,
          content: outcome.content,
          stored: { ...outcome.stored },
          opened: { ...outcome.opened },
          wal: { ...outcome.wal },
          findings: outcome.findings.map((finding) => ({ ...finding })),
          findingsLeftOut: outcome.findingsLeftOut,
          notes: [...outcome.notes],
          problem: null,
        };
  });
  return { formatVersion: '1.0', backup, ok: repositories.every(({ state }) => state === 'whole'), repositories };
}

const NOTHING = {
  encrypted: null,
  content: null,
  stored: { objects: 0, bytes: 0 },
  opened: { files: 0, chunks: 0, bytes: 0 },
  wal: { needed: 0, there: 0, verified: 0, opened: 0 },
  findings: [],
  findingsLeftOut: 0,
  notes: [],
};
