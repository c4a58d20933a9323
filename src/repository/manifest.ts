import { Failure } from '../domain/failure.ts';
import { manifestKey } from './layout.ts';
import { keepingCopy } from './manifest-copy.ts';
import { type Counts, countEntry, noCounts } from './manifest-counts.ts';
import { formatManifestLine, isSafePath, MAX_LINE_BYTES } from './manifest-format.ts';
import type {
  ManifestCounts,
  ManifestEnd,
  ManifestEntry,
  ManifestHeader,
  ManifestLine,
  StoredManifest,
} from './manifest-types.ts';
import { measured, newMeasure, summed } from './measured.ts';
import type { SiteRepository } from './site-repository.ts';
import { objectWriter } from './stored-form.ts';

/**
 * Writes a backup's manifest while the entries come, in bounded memory. `end` is asked once, after the last entry.
 * An entry that reading would refuse is refused here (`backup.failed`), and nothing is stored then. Not idempotent:
 * a backup has one manifest (`store.exists`).
 */
export async function writeManifest(
  repo: SiteRepository,
  source: {
    readonly header: ManifestHeader;
    readonly entries: AsyncIterable<ManifestEntry>;
    readonly end: () => ManifestEnd | Promise<ManifestEnd>;
  },
  signal: AbortSignal,
): Promise<StoredManifest & ManifestCounts> {
  const writer = await objectWriter(repo, 'encrypt');
  const key = manifestKey(repo.site, source.header.backup, writer.form);
  const counts = noCounts();
  const stored = newMeasure();
  const plain = batched(formatLines(source, counts));
  const put = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
    await repo.store.put(key, measured(body, stored), { ifAbsent: true, signal });
  };
  if (!writer.form.message) {
    await put(writer.encode(plain, key));
    return { key, ...summed(stored), ...counts };
  }
  await using copy = await keepingCopy(repo);
  const inner = newMeasure();
  await put(writer.encode(plain, key, (compressed) => copy.tee(measured(compressed, inner))));
  const before = summed(inner);
  await copy.keep(before);
  return { key, ...summed(stored), inner: before, ...counts };
}

async function* formatLines(source: Parameters<typeof writeManifest>[1], counts: Counts): AsyncGenerator<Buffer> {
  yield lineOf(source.header);
  for await (const entry of source.entries) {
    if (!isSafePath(entry.path)) {
      throw new Failure('backup.failed', {
        message: `the cluster has a file that a manifest cannot name: ${JSON.stringify(entry.path)}`,
      });
    }
    countEntry(entry, counts);
    yield lineOf(entry);
  }
  const end = await source.end();
  yield lineOf({ kind: 'footer', ...end, ...counts });
}

function lineOf(line: ManifestLine): Buffer {
  const bytes = Buffer.from(`${formatManifestLine(line)}\n`);
  if (bytes.length <= MAX_LINE_BYTES) return bytes;
  throw new Failure('backup.failed', {
    message: `a manifest line would have ${bytes.length} bytes, more than ${MAX_LINE_BYTES}${line.kind === 'file' ? `: ${line.path}` : ''}`,
  });
}

// Lines are short; codecs and stores work better on larger pieces.
const BATCH_BYTES = 64 * 1024;

async function* batched(lines: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let size = 0;
  for await (const line of lines) {
    waiting.push(line);
    size += line.length;
    if (size < BATCH_BYTES) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    size = 0;
  }
  yield Buffer.concat(waiting);
}
