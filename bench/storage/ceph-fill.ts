import { mapBounded } from '../../src/storage/bounded.ts';
import type { CephServer } from '../../support/servers/ceph.ts';

/** Objects in one request, and requests at once: more of either makes it no faster. */
const IN_A_REQUEST = 1000;
const REQUESTS = 16;
/** https://www.gnu.org/software/tar/manual/html_node/Standard.html */
const HEADER = 512;
const SUB_USER = 'hoard:fill';
const KEY = 'fill-store';

/**
 * Ceph without what takes its time and memory in a bucket of a million: it gathers a log of its own work even where it writes none, and
 * keeps up to 10,000 operations of each placement group, with which an object takes 34 KB instead of 8.
 */
export const CEPH_FOR_MANY = {
  'debug rgw': '0/0',
  'debug osd': '0/0',
  'debug ms': '0/0',
  'debug memstore': '0/0',
  'debug objecter': '0/0',
  'osd min pg log entries': 10,
  'osd max pg log entries': 20,
  'osd pg log dups tracked': 20,
} as const;

/**
 * Empty objects by the one request of Ceph that makes many: Swift's upload of an archive. They are objects like others, in the index of
 * their bucket; one request of S3 for each takes half as long again.
 */
export function cephFill(server: CephServer, bucket: string): (keys: readonly string[]) => Promise<void> {
  const user = ['--uid=hoard', `--subuser=${SUB_USER}`, '--access=full', '--key-type=swift', `--secret-key=${KEY}`];
  let made: Promise<unknown> | undefined;
  return async (keys) => {
    made ??= server.admin(['subuser', 'create', ...user]);
    await made;
    const { headers } = await fetch(`${server.endpoint}/auth/v1.0`, {
      headers: { 'x-auth-user': SUB_USER, 'x-auth-key': KEY },
    });
    const token = headers.get('x-auth-token') ?? '';
    const url = `${server.endpoint}/swift/v1/${bucket}?extract-archive=tar`;
    const requests = Array.from({ length: Math.ceil(keys.length / IN_A_REQUEST) }, (_, index) =>
      keys.slice(index * IN_A_REQUEST, (index + 1) * IN_A_REQUEST),
    );
    await mapBounded(requests, REQUESTS, new AbortController().signal, async (some) => {
      const answer = await fetch(url, {
        method: 'PUT',
        headers: { 'x-auth-token': token, accept: 'application/json' },
        body: archiveOf(some),
      });
      const text = await answer.text();
      if (!answer.ok || !text.includes(`"Number Files Created":${some.length}`))
        throw new Error(`the archive was answered with ${answer.status}: ${text}`);
    });
  };
}

/** A tar archive of empty files: a header each, and two empty blocks. */
function archiveOf(names: readonly string[]): Uint8Array<ArrayBuffer> {
  const archive = Buffer.alloc(HEADER * (names.length + 2));
  for (const [index, name] of names.entries()) {
    const header = archive.subarray(index * HEADER, (index + 1) * HEADER);
    header.write(name, 0);
    header.write('0000644\0', 100);
    for (const number of [108, 116]) header.write('0000000\0', number);
    for (const number of [124, 136]) header.write('00000000000\0', number);
    // The checksum counts itself as spaces.
    header.write('        0', 148);
    header.write('ustar\u000000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0`, 148);
  }
  return new Uint8Array(archive);
}
