import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../../src/domain/bytes.ts';
import { instant } from '../../../src/domain/instant.ts';
import type { ObservedRepository, StoredSegment } from '../../../src/domain/observed.ts';
import { segmentNumber, segmentSize } from '../../../src/domain/segment.ts';
import { timelineId } from '../../../src/domain/timeline.ts';
import { listWal } from '../../../src/wal/list.ts';
import { TEST_SYSTEM } from '../../support/small-backup.ts';

const size = segmentSize(2 ** 26);
const ten = timelineId(10);

function observed(numbers: readonly number[], conflicts: ReadonlySet<number> = new Set()): ObservedRepository {
  const segments = numbers.map(
    (number): StoredSegment => ({
      number: segmentNumber(number),
      size: bytesOf(100),
      storedAt: instant(number * 1000),
      hash: 'x',
      conflict: conflicts.has(number),
    }),
  );
  return {
    identity: { systemIdentifier: TEST_SYSTEM, segmentSize: size },
    backups: [],
    unreadableBackups: [],
    wal: new Map([[ten, segments]]),
    histories: new Map([[timelineId(11), { timeline: timelineId(11), ancestors: [] }]]),
    otherWalFiles: new Set(['b', 'a']),
    walRecipients: [],
    packs: [],
    strays: [],
    holds: [],
    proofs: [],
  };
}

describe('the list of stored WAL', () => {
  it('tells ranges, gaps, conflicts and histories by timeline', () => {
    const { timelines, otherFiles } = listWal(observed([62, 63, 64, 70, 80, 81], new Set([81])));
    expect(otherFiles).toEqual(['a', 'b']);
    expect(timelines).toMatchObject([
      {
        timeline: 10,
        history: undefined,
        ranges: [
          // Segments of 64 MiB: 64 of them make a log of 4 GiB.
          {
            firstName: '0000000A000000000000003E',
            lastName: '0000000A0000000100000000',
            segments: 3,
            storedBytes: 300,
          },
          { firstName: '0000000A0000000100000006', segments: 1, storedAt: 70_000 },
          { firstName: '0000000A0000000100000010', lastName: '0000000A0000000100000010' },
        ],
        gaps: [
          { firstName: '0000000A0000000100000001', lastName: '0000000A0000000100000005', segments: 5 },
          { segments: 9 },
        ],
        conflicts: ['0000000A0000000100000011'],
      },
      { timeline: 11, history: { timeline: 11 }, ranges: [], gaps: [] },
    ]);
    expect(timelines[0]?.ranges[0]).toMatchObject({ fromLsn: 62n * 2n ** 26n, toLsn: 65n * 2n ** 26n });
  });

  it('accounts for every number between the first and the last exactly once', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 1 }), (numbers) => {
        const ascending = numbers.toSorted((a, b) => a - b);
        const [timeline] = listWal(observed(ascending)).timelines;
        const there = (timeline?.ranges ?? []).flatMap(({ first, segments }) =>
          Array.from({ length: segments }, (_, n) => first + n),
        );
        const missing = (timeline?.gaps ?? []).flatMap(({ first, segments }) =>
          Array.from({ length: segments }, (_, n) => first + n),
        );
        expect(there).toEqual(ascending);
        const all = [...there, ...missing].toSorted((a, b) => a - b);
        expect(all).toEqual(Array.from({ length: all.length }, (_, n) => (ascending[0] ?? 0) + n));
        expect(all.at(-1)).toBe(ascending.at(-1));
      }),
    );
  });

  it('is empty for a repository that knows nothing of the site', () => {
    const nothing = {
      ...observed([]),
      identity: undefined,
      wal: new Map(),
      histories: new Map(),
      otherWalFiles: new Set<string>(),
    };
    expect(listWal(nothing)).toEqual({ segmentSize: undefined, timelines: [], otherFiles: [] });
  });
});
