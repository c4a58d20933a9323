import { createHash } from 'node:crypto';
import type { ObservedRepository } from '../domain/observed.ts';
import { historyFileName, type TimelineId } from '../domain/timeline.ts';
import { parseWalFileName } from '../domain/wal-file.ts';
import type { ReplicationConnection } from '../postgres/replication.ts';
import type { SiteRepository } from '../repository/site-repository.ts';
import { storeWal } from '../repository/wal-objects.ts';

/**
 * Stores the history file of the cluster's timeline where the repository lacks it: a cluster that was promoted before its archiving began
 * never archives it, and without it the WAL of the timeline looks unrelated to everything. The server sends the file's own bytes, so a later
 * archiving of the same file finds it there already.
 */
export async function storeHistory(
  repo: SiteRepository,
  observed: ObservedRepository,
  replication: ReplicationConnection,
  timeline: TimelineId,
  signal: AbortSignal,
): Promise<void> {
  if (timeline === 1 || observed.histories.has(timeline)) return;
  const { content } = await replication.timelineHistory(timeline);
  const sha256 = createHash('sha256').update(content).digest('hex');
  async function* open(): AsyncGenerator<Uint8Array> {
    yield content;
  }
  await storeWal(repo, parseWalFileName(historyFileName(timeline)), { sha256, size: content.length, open }, signal);
}
