// A process of its own for the tests that kill it or let its system calls fail: puts one object, slowly where asked to.
// Arguments: directory, key, bytes, milliseconds between pieces, `new` for a conditional create.
import { setTimeout as sleep } from 'node:timers/promises';
import { isFailure } from '../../src/domain/failure.ts';
import { openLocalStore } from '../../src/storage/local/local-store.ts';
import type { ObjectBody } from '../../src/storage/object-store.ts';

const [directory = '', key = '', bytes = '0', pause = '0', mode = ''] = process.argv.slice(2);

async function* body(): ObjectBody {
  for (let left = Number(bytes); left > 0; left -= 65_536) {
    yield new Uint8Array(Math.min(left, 65_536)).fill(7);
    process.send?.('piece');
    if (pause !== '0') await sleep(Number(pause));
  }
}

const store = await openLocalStore(directory);
try {
  await store.put(key, body(), { signal: new AbortController().signal, ifAbsent: mode === 'new' });
  process.stdout.write('stored');
} catch (error) {
  process.stdout.write(isFailure(error) ? error.code : String(error));
}
