import { createReadStream, mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import path from 'node:path';
import { createLocalStore } from '../../src/storage/local/local-store.ts';
import type { BenchBackend } from './backend.ts';

/** Beside it: what any careful program does, a temporary file, fsync, rename, and fsync of the directory. */
export const local: BenchBackend = {
  missing: () => undefined,
  async serve(folder) {
    const directory = path.join(folder, 'store');
    await createLocalStore(directory);
    mkdirSync(path.join(folder, 'plain'));
    return {
      at: { directory, plain: path.join(folder, 'plain') },
      // Without the syncs of a put.
      async fill(keys) {
        for (const parent of new Set(keys.map((key) => path.dirname(key))))
          mkdirSync(path.join(directory, parent), { recursive: true });
        for (const key of keys) writeFileSync(path.join(directory, key), '');
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
  declare: ({ directory = '' }) => ({ type: 'local', directory }),
  async plain({ plain = '' }) {
    return {
      async put(key, body) {
        const file = path.join(plain, key);
        await mkdir(path.dirname(file), { recursive: true });
        await using handle = await open(`${file}.tmp`, 'w');
        await handle.writeFile(body);
        await handle.sync();
        await rename(`${file}.tmp`, file);
        await using directory = await open(path.dirname(file));
        await directory.sync();
      },
      get: async (key) => createReadStream(path.join(plain, key)),
    };
  },
};
