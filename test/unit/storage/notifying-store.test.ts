import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { notifyingStore } from '../../../src/storage/notifying-store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { remoteStore } from '../../../src/storage/remote/remote-store.ts';
import { systemClock } from '../../../src/telemetry/system-effects.ts';
import { bodyOf, NEVER } from '../../conformance/bodies.ts';
import { MemoryDriver } from '../../support/memory-driver.ts';
import { createRecorder } from '../../support/recorder.ts';
import { remoteOptions } from '../../support/remote-options.ts';

const options = { signal: NEVER };
let stop: () => Promise<void> = async () => undefined;
afterEach(async () => stop());

async function receiver(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/told?token=secret`;
}

function notifying(url: string): { readonly store: ObjectStore; readonly events: readonly unknown[] } {
  const reporter = createRecorder();
  const store = notifyingStore(
    remoteStore(new MemoryDriver(), remoteOptions()),
    { url },
    { clock: systemClock, reporter },
  );
  return { store, events: reporter.events };
}

test('tells of each object that was created or deleted, in order', async () => {
  const told: unknown[] = [];
  const url = await receiver((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (piece: string) => {
      text += piece;
    });
    request.on('end', () => {
      told.push({ url: request.url, method: request.method, ...JSON.parse(text) });
      response.end('thanks');
    });
  });
  const { store, events } = notifying(url);
  await store.put('a/b', bodyOf('four'), options);
  await store.put('a/c', bodyOf(''), options);
  await expect(store.put('a/c', bodyOf(''), { ...options, ifAbsent: true })).rejects.toThrow('taken');
  await store.deleteMany(['a/b', 'a/none'], options);
  await store.close();
  const at = { url: '/told?token=secret', method: 'POST', time: expect.stringMatching(/^\d{4}-/) };
  expect(told).toEqual([
    { ...at, op: 'created', key: 'a/b', size: 4 },
    { ...at, op: 'created', key: 'a/c', size: 0 },
    { ...at, op: 'deleted', key: 'a/b' },
    { ...at, op: 'deleted', key: 'a/none' },
  ]);
  expect(events).toEqual([]);
});

test('a receiver that refuses is reported once, without its secret, and felt by nobody', async () => {
  const url = await receiver((_request, response) => {
    response.statusCode = 500;
    response.end();
  });
  const { store, events } = notifying(url);
  for (let each = 0; each < 5; each += 1) await store.put(`a${each}`, bodyOf('x'), options);
  await store.close();
  expect(events).toEqual([{ kind: 'note', level: 'warning', message: expect.stringContaining('it answered 500') }]);
  expect(JSON.stringify(events)).not.toContain('secret');
});

test('a receiver that is not there is felt by nobody', async () => {
  const url = await receiver(() => undefined);
  await stop();
  stop = async () => undefined;
  const { store, events } = notifying(url);
  await store.put('a', bodyOf('x'), options);
  await store.close();
  expect(events).toHaveLength(1);
});

test('a receiver that hangs does not let the queue grow without bound', async () => {
  const url = await receiver(() => undefined);
  const { store, events } = notifying(url);
  for (let each = 0; each < 1100; each += 1) await store.put('a', bodyOf('x'), options);
  expect(events).toMatchObject([{ message: expect.stringContaining('it does not keep up') }]);
  await stop();
  stop = async () => undefined;
  await store.close();
});
