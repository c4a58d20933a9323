import { Failure } from '../domain/failure.ts';
import { type Segment, type SegmentSize, segmentName, segmentNumber } from '../domain/segment.ts';
import type { TimelineId } from '../domain/timeline.ts';
import { parseWalFileName } from '../domain/wal-file.ts';
import { parseSiteKey, walPrefix } from '../repository/layout.ts';
import { describeRepository, type SiteRepository } from '../repository/site-repository.ts';
import type { Reporter } from '../telemetry/reporter.ts';

export interface NeededWal {
  readonly timeline: TimelineId;
  /** Both are needed, and all between. */
  readonly first: Segment['number'];
  readonly last: Segment['number'];
  readonly segmentSize: SegmentSize;
}

export interface WalWait {
  readonly reporter: Reporter;
  readonly task: string;
  /** Milliseconds to wait for the archiving at most. */
  readonly patience: number;
  /** What an operator should look at when it is in vain; asked once, at the end. */
  readonly diagnose: () => Promise<string>;
  readonly signal: AbortSignal;
}

const FIRST_POLL = 100;
const SLOWEST_POLL = 2000;

/**
 * Until every needed segment is in the repository. Throws `wal.missing` when the patience ends, `wal.conflict` where a name stands for two
 * contents. Looks only: what brings the segments is somebody else.
 */
export async function waitForWal(repo: SiteRepository, needed: NeededWal, wait: WalWait): Promise<void> {
  const { clock } = repo;
  const giveUpAt = clock.now() + wait.patience;
  let missing = allNames(needed);
  let told: number | undefined;
  for (let pause = FIRST_POLL; ; pause = Math.min(pause * 2, SLOWEST_POLL)) {
    missing = await stillMissing(repo, missing, wait.signal);
    const [first] = missing;
    if (first === undefined) return;
    if (clock.now() >= giveUpAt) {
      throw new Failure('wal.missing', {
        message: `${missing.length === 1 ? 'a WAL segment that the backup needs was' : `${missing.length} WAL segments that the backup needs were`} not archived to ${describeRepository(repo)} within ${Math.round(wait.patience / 1000)} seconds, the first is ${first}`,
        hint: await wait.diagnose(),
      });
    }
    if (told !== missing.length) {
      told = missing.length;
      const more = missing.length === 1 ? '' : ` and ${missing.length - 1} more`;
      wait.reporter.report({
        kind: 'waiting',
        task: wait.task,
        message: `waiting until PostgreSQL has archived ${first}${more}`,
      });
    }
    await clock.sleep(Math.max(1, Math.min(pause, giveUpAt - clock.now())), wait.signal);
  }
}

function allNames({ timeline, first, last, segmentSize }: NeededWal): readonly string[] {
  return Array.from({ length: last - first + 1 }, (_, index) =>
    segmentName({ timeline, number: segmentNumber(first + index) }, segmentSize),
  );
}

/** One listing for each folder of segments, however many are missing in it. */
async function stillMissing(
  repo: SiteRepository,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const hashes = new Map<string, string>();
  const folders = new Set(names.map((name) => folderOf(repo, name)));
  for (const folder of folders) {
    const firstName = names.find((name) => folderOf(repo, name) === folder) ?? '';
    for await (const page of repo.store.list(folder, { signal, startAfter: `${folder}${firstName}` })) {
      for (const { key } of page) {
        const parsed = parseSiteKey(repo.site, key);
        if (parsed?.kind !== 'wal' || parsed.file.kind !== 'segment') continue;
        const { name } = parsed.file;
        const known = hashes.get(name);
        if (known !== undefined && known !== parsed.sha256 && names.includes(name)) {
          throw new Failure('wal.conflict', {
            message: `${describeRepository(repo)} holds two different contents of ${name}, so the backup could not be restored`,
            hint: 'two servers archive into the same site; stop the wrong one and move its segments away',
          });
        }
        hashes.set(name, parsed.sha256);
      }
    }
  }
  return names.filter((name) => !hashes.has(name));
}

function folderOf(repo: SiteRepository, name: string): string {
  const prefix = walPrefix(repo.site, parseWalFileName(name));
  return prefix.slice(0, prefix.lastIndexOf('/') + 1);
}
