import { describe, expect, test } from 'vitest';
import type { ObservedRepository } from '../../../src/domain/observed.ts';
import { mapRecovery } from '../../../src/domain/reach.ts';
import { prunableWal } from '../../../src/domain/wal-needs.ts';
import { history, type RepositorySketch, repository, SIZE, segments } from '../../support/observed-repository.ts';

/** `1:0-4` for each stretch that nothing needs; ids with a `!` are kept for point-in-time recovery. */
function prunable(
  sketch: RepositorySketch,
  keepers: readonly string[],
  newest = keepers.at(-1)?.replace('!', ''),
): readonly string[] {
  const observed: ObservedRepository = repository(sketch);
  const of = (id: string) => observed.backups.filter((backup) => backup.id === id);
  const kept = keepers.flatMap((id) =>
    of(id.replace('!', '')).map((backup) => ({ backup, pointInTime: id.endsWith('!') })),
  );
  const stretches = prunableWal(observed, mapRecovery(observed, SIZE), kept, of(newest ?? '')[0]);
  return stretches.map(({ timeline, first, last }) => `${timeline}:${first}-${last}`);
}

const A = { id: 'a', start: 2.5, stop: 4, time: 2 };
const B = { id: 'b', start: 7, stop: 7.5, time: 7 };
const C = { id: 'c', start: 12, stop: 12.5, time: 12 };

describe('WAL that nothing needs', () => {
  test.each<[string, RepositorySketch, readonly string[], readonly string[]]>([
    ['before the oldest backup', { backups: [B], wal: { 1: segments(1, 9) } }, ['b!'], ['1:1-6']],
    [
      'between kept backups outside the window',
      { backups: [A, B, C], wal: { 1: segments(0, 20) } },
      ['a', 'b', 'c!'],
      ['1:0-1', '1:4-6', '1:8-11'],
    ],
    [
      'a hole in it does not split it',
      { backups: [B], wal: { 1: [...segments(1, 2), ...segments(5, 9)] } },
      ['b!'],
      ['1:1-6'],
    ],
    [
      'a backup that carries its WAL needs none',
      { backups: [{ ...A, carriesWal: true }, C], wal: { 1: segments(0, 20) } },
      ['a', 'c!'],
      ['1:0-11'],
    ],
    [
      'but what follows it, in the window',
      { backups: [{ ...A, carriesWal: true }, C], wal: { 1: segments(0, 20) } },
      ['a!', 'c!'],
      ['1:0-1'],
    ],
    ['no backup at all: everything stays', { wal: { 1: segments(1, 9) } }, [], []],
    ['no restorable backup: everything stays', { backups: [B], wal: { 1: segments(8, 9) } }, [], []],
    [
      'what came since the newest began stays',
      { backups: [B], wal: { 1: segments(1, 9, (n) => (n === 5 ? 7 : n)) } },
      ['b!'],
      ['1:1-4', '1:6-6'],
    ],
    [
      'the whole of an abandoned timeline',
      {
        backups: [{ ...C, timeline: 2 }],
        wal: { 1: segments(1, 6), 2: segments(5, 20) },
        histories: [history(2, [1, 5.5])],
      },
      ['c!'],
      ['1:1-6', '2:5-11'],
    ],
    [
      'on the way through a fork everything stays',
      { backups: [A], wal: { 1: segments(0, 6), 2: segments(5, 20) }, histories: [history(2, [1, 5.5])] },
      ['a!'],
      ['1:0-1'],
    ],
    [
      'a kept backup outside the window needs the segment of the fork under its new name',
      {
        backups: [
          { id: 'a', start: 4.5, stop: 5.2, time: 2 },
          { ...C, timeline: 2 },
        ],
        wal: { 1: segments(1, 4), 2: segments(5, 20) },
        histories: [history(2, [1, 5.5])],
      },
      ['a', 'c!'],
      ['1:1-3', '2:6-11'],
    ],
    [
      'a timeline that forked off before the backup ended is of no use to it',
      { backups: [B], wal: { 1: segments(6, 9), 2: segments(3, 6) }, histories: [history(2, [1, 3.5])] },
      ['b!'],
      ['1:6-6', '2:3-6'],
    ],
    [
      'unless it is new: then a backup on it may be under way',
      { backups: [B], wal: { 1: segments(6, 9), 2: segments(3, 20) }, histories: [history(2, [1, 3.5])] },
      ['b!'],
      ['1:6-6', '2:3-6'],
    ],
    [
      'a timeline that is not understood stays',
      { backups: [B], wal: { 1: segments(6, 9), 5: segments(1, 3) } },
      ['b!'],
      ['1:6-6'],
    ],
    [
      'a timeline with a backup on it is understood',
      { backups: [{ ...B, timeline: 5 }], wal: { 5: segments(1, 9) } },
      ['b!'],
      ['5:1-6'],
    ],
  ])('%s', (_name, sketch, keepers, expected) => {
    expect(prunable(sketch, keepers)).toEqual(expected);
  });
});
