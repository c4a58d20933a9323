import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CODEC_NAMES } from '../../../src/codec/codec.ts';
import { bytesOf as bytes } from '../../../src/domain/bytes.ts';
import { type DesiredRepository, repositoryName } from '../../../src/domain/desired.ts';
import { createSecretResolver } from '../../../src/policy/secret-resolver.ts';
import { createStore, openStore } from '../../../src/storage/open-store.ts';
import type { StorageContext } from '../../../src/storage/storage-context.ts';
import { systemClock } from '../../../src/telemetry/system-effects.ts';
import { bodyOf, bytesOf, collect, NEVER, pattern } from '../../conformance/bodies.ts';
import { createRecorder } from '../../support/recorder.ts';

const options = { signal: NEVER };
const context: StorageContext = {
  secrets: createSecretResolver({}),
  environment: {},
  clock: systemClock,
  random: randomBytes,
  reporter: createRecorder(),
};

let directory: string;
let local: DesiredRepository;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hoard-open-'));
  local = {
    name: repositoryName('main'),
    storage: { type: 'local', directory: join(directory, 'repository') },
    prefix: 'some/prefix',
    compression: { algorithm: 'zstd', level: 3 },
  };
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('a local repository', () => {
  test('is opened, made, and used below its prefix', async () => {
    const store = await openStore(local, context);
    await expect(store.put('a', bodyOf('x'), options)).rejects.toMatchObject({ code: 'store.absent' });
    await createStore(local, context, NEVER);
    await createStore(local, context, NEVER);
    await store.put('a', bodyOf('x'), options);
    const whole = await openStore({ ...local, prefix: '' }, context);
    expect((await collect(whole.list('', options))).flat().map(({ key }) => key)).toEqual(['some/prefix/a']);
  });

  test('shares its limits among all who opened it', async () => {
    await createStore(local, context, NEVER);
    const rate = 1_000_000;
    const limited = { ...local, limits: { upload: bytes(rate), download: undefined, concurrency: 1 } };
    const stores = await Promise.all([openStore(limited, context), openStore(limited, context)]);
    const begun = performance.now();
    await Promise.all(
      stores.map((store, index) => store.put(`a${index}`, bodyOf(pattern(150_000), pattern(150_000)), options)),
    );
    // 600,000 bytes, of which a quarter of a second's worth may go at once.
    expect(performance.now() - begun).toBeGreaterThan(340);
    const [store] = stores;
    expect((await bytesOf(await store.get('a1', options))).length).toBe(300_000);
  });

  test('a body that is read from the repository it is written to does not block, however few may run', async () => {
    await createStore(local, context, NEVER);
    const limits = { upload: undefined, download: undefined, concurrency: 1 };
    const store = await openStore({ ...local, limits }, context);
    await store.put('a', bodyOf(pattern(3_000_000)), options);
    await store.put('b', await store.get('a', options), options);
    expect((await bytesOf(await store.get('b', options))).equals(pattern(3_000_000))).toBe(true);
    for await (const page of store.list('', options)) {
      expect((await store.head(page[0]?.key ?? '', options))?.size).toBe(3_000_000);
    }
    expect(await store.deleteMany(['a', 'b'], options)).toHaveLength(2);
  });
});

test.each(CODEC_NAMES)('a repository compressed by %s can be opened', async (algorithm) => {
  await openStore({ ...local, compression: { algorithm, level: undefined } }, context);
});
