import { renderBytes } from '../domain/bytes.ts';
import { Failure } from '../domain/failure.ts';
import type { BackupId } from '../domain/observed.ts';
import type { VerifiedBackup } from '../domain/verification.ts';
import type { Reporter } from '../telemetry/reporter.ts';
import { type BackupMarker, readMarker } from './backup-marker.ts';
import { markerKey, packSumsKey } from './layout.ts';
import { formatRanges } from './pack-list.ts';
import { describeRepository, type SiteRepository } from './site-repository.ts';
import { verifyContent } from './verify-content.ts';
import { VerifyFindings } from './verify-findings.ts';
import { type StoredWork, verifyStored } from './verify-stored.ts';
import { verifyWal } from './verify-wal.ts';

export interface Verification {
  /** Stored bytes only: nothing is opened, whatever keys are declared. */
  readonly storedOnly: boolean;
  /** A private key is declared here. */
  readonly privateKey: boolean;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

const NOTHING = {
  stored: { objects: 0, bytes: 0 },
  opened: { files: 0, chunks: 0, bytes: 0 },
  wal: { needed: 0, there: 0, verified: 0, opened: 0 },
};

/**
 * Reads all of a backup in one repository and compares it with what the repository says of it: stored bytes first, then content, where
 * it can be opened. Damage is found and named, as much as there is; it throws only where the store does not answer, or where the
 * backup was removed meanwhile (`backup.not-found`). Writes nothing.
 */
export async function verifyBackup(
  repo: SiteRepository,
  id: BackupId,
  { storedOnly, privateKey, reporter, signal }: Verification,
): Promise<VerifiedBackup> {
  const findings = new VerifyFindings();
  const task = `verify:${repo.site}:${repo.name}`;
  try {
    const marker = await tryMarker(repo, id, findings, signal);
    if (marker === undefined) {
      return { encrypted: false, content: 'not-asked', ...NOTHING, ...findings.result(), notes: [] };
    }
    const encrypted = marker.encryption !== undefined;
    const whyNot = storedOnly ? 'not-asked' : encrypted && !privateKey ? 'no-private-key' : undefined;
    const packBytes = marker.packGroups.reduce((sum, { bytes }) => sum + bytes, 0);
    const totalBytes = marker.manifest.size + packBytes + (whyNot === undefined ? marker.bytes : 0);
    let doneBytes = 0;
    reporter.report({ kind: 'started', task, title: `verifying ${id} in ${repo.name}`, totalBytes });
    const work: StoredWork = {
      repo,
      marker,
      findings,
      signal,
      onBytes: (count) => {
        doneBytes += count;
        reporter.report({ kind: 'progress', task, doneBytes, totalBytes });
      },
    };
    const { manifest, withoutSums, ...stored } = await verifyStored(work);
    const wal = await verifyWal(work, { storedOnly, key: privateKey });
    const { complete, ...opened } =
      whyNot === undefined && manifest ? await verifyContent(work) : { complete: false, ...NOTHING.opened };
    const notes = withoutSums.map(({ backup, numbers }) => {
      const key = packSumsKey(repo.site, backup);
      const what = `there is no ${key} (an older hoard wrote packs ${formatRanges(numbers)} of ${backup})`;
      if (complete) return `${what}: those packs were verified by their content`;
      findings.unverifiable(key, `${what}: that the stored bytes of those packs are the right ones cannot be said`);
      return undefined;
    });
    await requireStillThere(repo, id, findings, signal);
    reporter.report({ kind: 'finished', task, summary: `${id} in ${repo.name}: ${renderBytes(stored.bytes)} read` });
    return {
      encrypted,
      content: whyNot ?? (complete ? 'opened' : 'failed'),
      stored,
      opened,
      wal,
      ...findings.result(),
      notes: notes.filter((note) => note !== undefined),
    };
  } catch (error) {
    reporter.report({ kind: 'failed', task, message: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

async function tryMarker(
  repo: SiteRepository,
  id: BackupId,
  findings: VerifyFindings,
  signal: AbortSignal,
): Promise<BackupMarker | undefined> {
  try {
    return await readMarker(repo, id, signal);
  } catch (error) {
    findings.take(markerKey(repo.site, id), error);
    return undefined;
  }
}

/** A backup that somebody prunes looks damaged, and is not. */
async function requireStillThere(
  repo: SiteRepository,
  id: BackupId,
  findings: VerifyFindings,
  signal: AbortSignal,
): Promise<void> {
  if (!findings.any || (await repo.store.head(markerKey(repo.site, id), { signal }))) return;
  throw new Failure('backup.not-found', {
    message: `backup ${id} was removed from ${describeRepository(repo)} while it was verified`,
  });
}
