import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { waitForWal } from '../../../src/backup/wait-for-wal.ts';
import { DEFAULT_SEGMENT_SIZE, segmentName, segmentNumber } from '../../../src/domain/segment.ts';
import { timelineId } from '../../../src/domain/timeline.ts';
import { parseWalFileName } from '../../../src/domain/wal-file.ts';
import { walKey } from '../../../src/repository/layout.ts';
import type { SiteRepository } from '../../../src/repository/site-repository.ts';
import { storeWal } from '../../../src/repository/wal-objects.ts';
import { createRecorder } from '../../support/recorder.ts';
import { calm, temporaryRepository } from '../../support/temporary-repository.ts';

const timeline = timelineId(3);
const needed = (first: number, last: number): Parameters<typeof waitForWal>[1] => ({
  timeline,
  first: segmentNumber(first),
  last: segmentNumber(last),
  segmentSize: DEFAULT_SEGMENT_SIZE,
});
const name = (number: number): string => segmentName({ timeline, number: segmentNumber(number) }, DEFAULT_SEGMENT_SIZE);

async function store(repo: SiteRepository, file: string, text = file): Promise<void> {
  const bytes = Buffer.from(text);
  async function* open(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await storeWal(repo, parseWalFileName(file), { sha256, size: bytes.length, open }, calm());
}

const wait = (patience: number, recorder = createRecorder()): Parameters<typeof waitForWal>[2] => ({
  reporter: recorder,
  task: 'backup',
  patience,
  diagnose: async () => 'look here',
  signal: calm(),
});

describe('waitForWal', () => {
  it('ends at once when all segments are there, over the border of a log too', async () => {
    await using place = await temporaryRepository();
    for (const number of [254, 255, 256, 257]) await store(place.repo, name(number));
    const recorder = createRecorder();
    await waitForWal(place.repo, needed(254, 257), wait(0, recorder));
    expect(recorder.events).toEqual([]);
  });

  it('waits for what comes later, and says for what', async () => {
    await using place = await temporaryRepository();
    await store(place.repo, name(5));
    const recorder = createRecorder();
    const waiting = waitForWal(place.repo, needed(5, 7), wait(10_000, recorder));
    await store(place.repo, name(7));
    await sleep(150);
    // The wait may end before the store's own look at what it has written: the place must outlive both.
    await Promise.all([waiting, store(place.repo, name(6))]);
    expect(recorder.events[0]).toMatchObject({ kind: 'waiting', message: expect.stringContaining(name(6)) });
  });

  it('gives up with the first missing name and the diagnosis', async () => {
    await using place = await temporaryRepository();
    for (const number of [1, 3]) await store(place.repo, name(number));
    // Not the segment itself, and not this timeline.
    await store(place.repo, `${name(2)}.partial`);
    await store(place.repo, name(2).replace('00000003', '00000002'));
    await expect(waitForWal(place.repo, needed(1, 3), wait(250))).rejects.toMatchObject({
      code: 'wal.missing',
      message: expect.stringContaining(`the first is ${name(2)}`),
      hint: 'look here',
    });
  });

  it('does not take a name with two contents for stored', async () => {
    await using place = await temporaryRepository();
    await store(place.repo, name(9));
    const other = { sha256: 'f'.repeat(64), codec: place.repo.codec.name, message: false };
    async function* body(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('x');
    }
    await place.repo.store.put(walKey(place.repo.site, parseWalFileName(name(9)), other), body(), { signal: calm() });
    await expect(waitForWal(place.repo, needed(9, 9), wait(0))).rejects.toMatchObject({ code: 'wal.conflict' });
  });

  it('ends with the signal', async () => {
    await using place = await temporaryRepository();
    const controller = new AbortController();
    const waiting = waitForWal(place.repo, needed(1, 1), { ...wait(60_000), signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 50);
    await expect(waiting).rejects.toThrow('enough');
  });
});
