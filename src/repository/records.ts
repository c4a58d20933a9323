import { formatInstant, type Instant, parseInstant } from '../domain/instant.ts';
import { formatLsn, parseLsn } from '../domain/lsn.ts';
import type { StoredHold, StoredProof } from '../domain/observed.ts';
import { openDocument, sealDocument } from './document.ts';
import { holdKey, proofKey } from './layout.ts';
import type { SiteRepository } from './site-repository.ts';
import { createSmallObject, readSmallObject } from './small-object.ts';

/** Holds and proofs: small sealed documents beside a backup. */

const MAX_BYTES = 64 * 1024;

/** Protects a backup from retention under a name (a lower-case DNS label). False where the name is taken. */
export async function writeHold(
  repo: SiteRepository,
  name: string,
  hold: StoredHold,
  signal: AbortSignal,
): Promise<boolean> {
  const until = hold.until === undefined ? {} : { until: formatInstant(hold.until) };
  const document = sealDocument('hold', { backup: hold.backup, reason: hold.reason, ...until });
  return createSmallObject(repo.store, holdKey(repo.site, hold.backup, name), document, signal);
}

/** Throws `object.corrupt` where the hold is damaged. */
export async function readHold(
  repo: SiteRepository,
  backup: StoredHold['backup'],
  name: string,
  signal: AbortSignal,
): Promise<StoredHold> {
  const key = holdKey(repo.site, backup, name);
  const fields = openDocument('hold', await readSmallObject(repo.store, key, MAX_BYTES, signal), key);
  if (fields.text('backup') !== backup) fields.refuse(`is of backup ${fields.text('backup')}`);
  return {
    backup,
    reason: fields.text('reason'),
    until: fields.has('until') ? fields.parsed('until', parseInstant) : undefined,
  };
}

/** Records a restore that was done and checked. False where one of the same moment is recorded. */
export async function writeProof(repo: SiteRepository, proof: StoredProof, signal: AbortSignal): Promise<boolean> {
  const document = sealDocument('proof', {
    backup: proof.backup,
    at: formatInstant(proof.at),
    durationMilliseconds: proof.durationMilliseconds,
    reachedLsn: formatLsn(proof.reachedLsn),
  });
  return createSmallObject(repo.store, proofKey(repo.site, proof.backup, proof.at), document, signal);
}

/** Throws `object.corrupt` where the proof is damaged. */
export async function readProof(
  repo: SiteRepository,
  backup: StoredProof['backup'],
  at: Instant,
  signal: AbortSignal,
): Promise<StoredProof> {
  const key = proofKey(repo.site, backup, at);
  const fields = openDocument('proof', await readSmallObject(repo.store, key, MAX_BYTES, signal), key);
  if (fields.text('backup') !== backup || fields.parsed('at', parseInstant) !== at)
    fields.refuse('lies under another name than its own');
  return {
    backup,
    at,
    durationMilliseconds: fields.integer('durationMilliseconds'),
    reachedLsn: fields.parsed('reachedLsn', parseLsn),
  };
}
