// A process of its own for a listing under a limit of the heap: says how many objects there were. Arguments: directory of a local store or
// JSON of a bucket of the Google server, `keep` to hold all that was listed.
import type { ObjectInfo, ObjectStore } from '../../src/storage/object-store.ts';

const [place = '', mode = ''] = process.argv.slice(2);

/** Nothing is loaded but what the store needs, as in hoard itself. */
async function open(): Promise<ObjectStore> {
  if (!place.startsWith('{')) return (await import('../../src/storage/local/local-store.ts')).openLocalStore(place);
  const server: { readonly endpoint: string; readonly keyFile: string; readonly bucket: string } = JSON.parse(place);
  const { declaredGcs, gcsContext } = await import('../conformance/gcs-declared.ts');
  const { openGcsDriver } = await import('../../src/storage/gcs/gcs-driver.ts');
  const { remoteStore } = await import('../../src/storage/remote/remote-store.ts');
  const { createTransferLimits } = await import('../../src/storage/remote/transfer-limits.ts');
  const context = gcsContext(server);
  const limits = createTransferLimits(undefined, context.clock);
  return remoteStore(await openGcsDriver(declaredGcs(server, server.bucket), context), {
    ...context,
    limits,
    uploadRetries: 3,
  });
}

const store = await open();
const kept: (readonly ObjectInfo[])[] = [];
let listed = 0;
for await (const page of store.list('', { signal: new AbortController().signal })) {
  listed += page.length;
  if (mode === 'keep') kept.push(page);
}
await store.close();
process.stdout.write(String(listed));
