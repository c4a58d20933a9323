import { Failure, isFailure } from '../domain/failure.ts';
import { formatLsn } from '../domain/lsn.ts';
import type { SystemIdentifier } from '../domain/observed.ts';
import { parseSegmentName, type SegmentSize, segmentStart } from '../domain/segment.ts';
import type { TimelineId } from '../domain/timeline.ts';
import { parseWalPageHeader, type WalPageHeader } from './wal-page.ts';

export interface SegmentFacts {
  readonly systemIdentifier: SystemIdentifier;
  readonly segmentSize: SegmentSize;
  /** As the first page says: an ancestor of the name's in the first segment of a timeline. */
  readonly timeline: TimelineId;
  /** Major version of the server; undefined where newer than this program. */
  readonly major: number | undefined;
}

/**
 * Checks that a WAL segment (or a `.partial` one) is what its name says: magic number, address of the first page, size, and the
 * cluster it belongs to. `head` is its first 40 bytes or more, `size` its whole size. Without `identity` (nothing stored yet) the segment
 * names its own cluster, which the caller records.
 * Throws `wal.mismatch`, or `site.foreign-cluster` where the system identifier or segment size is another one.
 */
export function checkSegment(segment: {
  readonly name: string;
  readonly head: Uint8Array;
  readonly size: number;
  readonly identity: { readonly systemIdentifier: SystemIdentifier; readonly segmentSize: SegmentSize } | undefined;
}): SegmentFacts {
  const { name, head, size, identity } = segment;
  const mismatch = (what: string, cause?: unknown): Failure =>
    new Failure('wal.mismatch', {
      message: `${name} ${what}`,
      hint: 'the file is damaged, was renamed, or belongs elsewhere; it was not stored',
      ...(cause === undefined ? {} : { cause }),
    });
  const header = headerOf(head, mismatch);
  const { long } = header;
  if (!long) throw mismatch('starts with a page that is not the first one of a segment');
  if (identity && long.systemIdentifier !== identity.systemIdentifier) {
    throw new Failure('site.foreign-cluster', {
      message: `${name} was written by the cluster ${long.systemIdentifier}, but the site belongs to the cluster ${identity.systemIdentifier}`,
      hint: 'give the other cluster a site of its own, and check which site its archive_command names',
    });
  }
  if (identity && long.segmentSize !== identity.segmentSize) {
    throw mismatch(`has a segment size of ${long.segmentSize} bytes, but the site has ${identity.segmentSize}`);
  }
  if (size !== long.segmentSize) throw mismatch(`has ${size} bytes, but its segment size is ${long.segmentSize}`);
  const wanted = positionOf(name, long.segmentSize, mismatch);
  const address = segmentStart(wanted.number, long.segmentSize);
  if (header.pageAddress !== address) {
    throw mismatch(`starts at ${formatLsn(header.pageAddress)}, but its name means ${formatLsn(address)}`);
  }
  // The first segment of a new timeline is a copy of the parent's up to the switch, first page included.
  if (header.timeline > wanted.timeline)
    throw mismatch(`was written on timeline ${header.timeline}, later than its name says`);
  return {
    systemIdentifier: long.systemIdentifier,
    segmentSize: long.segmentSize,
    timeline: header.timeline,
    major: header.major,
  };
}

type Mismatch = (what: string, cause?: unknown) => Failure;

function headerOf(head: Uint8Array, mismatch: Mismatch): WalPageHeader {
  try {
    return parseWalPageHeader(head);
  } catch (error) {
    if (!isFailure(error, 'postgres.format')) throw error;
    throw mismatch(`is not a WAL segment: ${error.message}`, error);
  }
}

function positionOf(name: string, size: SegmentSize, mismatch: Mismatch): ReturnType<typeof parseSegmentName> {
  try {
    return parseSegmentName(name.replace(/\.partial$/, ''), size);
  } catch (error) {
    if (!isFailure(error, 'value.invalid')) throw error;
    throw mismatch('is no name that a segment of this cluster can have', error);
  }
}
