import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import path from 'node:path';
import { zstdDecompressSync } from 'node:zlib';

// The second opinion: reads a repository straight from its files by docs/repository-format.md and shares no code with the product.
// One timeline, one site, segments of 1 MiB (what the campaign's servers have).

const SEGMENT = 1n << 20n;

interface JudgedBackup {
  readonly id: string;
  /** Why it cannot be restored; empty where every byte is there and right. */
  readonly problems: readonly string[];
  readonly startLsn: bigint;
  readonly stopLsn: bigint;
  /** The end of the unbroken WAL that begins with the backup's own. */
  readonly reach: bigint;
  readonly packs: ReadonlySet<string>;
}

export interface Judgement {
  readonly backups: readonly JudgedBackup[];
  /** Names of stored WAL files whose content fits the hash in their name. */
  readonly wal: ReadonlyMap<string, string>;
  /** What no backup, WAL name or lease explains: temporary files, packs and manifests of nobody, files with a foreign name. */
  readonly leftovers: readonly string[];
  readonly leases: number;
  readonly damage: readonly string[];
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const filesBelow = (directory: string): readonly string[] =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
        .sort()
    : [];

/** Opens an OpenPGP message; undefined where it is refused. */
type Decrypt = (message: Uint8Array) => Uint8Array | undefined;

/**
 * Reads everything that is in the repository. `shallow` leaves out the chunks: for what is there, not whether it is whole. Of what is encrypted
 * only WAL is opened.
 */
export function judge(
  repository: string,
  depth: 'deep' | 'shallow' = 'deep',
  site = 'main',
  decrypt: Decrypt = () => undefined,
): Judgement {
  const root = path.join(repository, 'sites', site);
  const damage: string[] = [];
  const wal = judgeWal(root, damage, decrypt);
  const backups = readdirOrNone(path.join(root, 'backups'))
    .filter((id) => existsSync(path.join(root, 'backups', id, 'backup.json')))
    .map((id) => judgeBackup(root, id, wal, depth));
  const named = new Set(backups.flatMap(({ packs }) => [...packs]));
  const committed = new Set(backups.map(({ id }) => id));
  const leftovers: string[] = filesBelow(path.join(repository, '.hoard-store')).map((file) => `.hoard-store/${file}`);
  for (const file of filesBelow(root)) {
    const [folder, id = '', name = ''] = file.split('/');
    const needed =
      name === 'SHA256SUMS'
        ? [...named].some((pack) => pack.startsWith(`${id}/`))
        : named.has(`${id}/${Number(name.slice(0, 8))}`);
    if (folder === 'packs' && !needed) leftovers.push(file);
    if (folder === 'backups' && !committed.has(id)) leftovers.push(file);
    if (folder === 'set-aside') leftovers.push(file);
  }
  return { backups, wal, leftovers, leases: readdirOrNone(path.join(root, 'lease')).length, damage };
}

/** The last bytes of an encrypted file: two of a header, a word, the SHA-256 of all before. */
const CLOSING_BYTES = 40;

function judgeWal(root: string, damage: string[], decrypt: Decrypt): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of filesBelow(path.join(root, 'wal'))) {
    const [, name = '', hash = '', recipients, extension = '', message] =
      /([^/]+)-([0-9a-f]{64})(\.to_[0-9a-f]{16})?\.(zst|raw)(\.pgp)?$/.exec(file) ?? [];
    const stored = readFileSync(path.join(root, 'wal', file));
    if (
      recipients !== undefined &&
      sha256(stored.subarray(0, -CLOSING_BYTES)) !== stored.toString('hex', stored.length - 32)
    )
      damage.push(`${file} does not end with the sum of its bytes`);
    const bytes = message === undefined ? stored : decrypt(stored);
    const plain = extension === 'zst' ? bytes && decompressed(bytes) : bytes;
    if (plain === undefined || sha256(plain) !== hash) damage.push(`${file} does not have the content of its name`);
    else if (found.has(name)) damage.push(`${name} has two contents`);
    else found.set(name, hash);
  }
  return found;
}

/** One sealed JSON document: its last field is the SHA-256 of all bytes before that field's line. */
function readSealed(file: string, problems: string[]): Record<string, unknown> {
  const text = readFileSync(file, 'utf8');
  const at = text.lastIndexOf('  "checksum": "');
  if (at < 0 || text.slice(at) !== `  "checksum": "${sha256(Buffer.from(text.slice(0, at)))}"\n}\n`) {
    problems.push(`${path.basename(file)} is not sealed`);
    return {};
  }
  return JSON.parse(text) as Record<string, unknown>;
}

interface MarkerShape {
  readonly startLsn: string;
  readonly stopLsn: string;
  readonly timeline: number;
  readonly manifest: { readonly key: string; readonly size: number; readonly sha256: string };
  readonly packs: readonly { readonly backup: string; readonly numbers: string }[];
}

function judgeBackup(
  root: string,
  id: string,
  wal: ReadonlyMap<string, string>,
  depth: 'deep' | 'shallow',
): JudgedBackup {
  const problems: string[] = [];
  const folder = path.join(root, 'backups', id);
  const marker = readSealed(path.join(folder, 'backup.json'), problems) as unknown as MarkerShape;
  if (problems.length > 0) return { id, problems, startLsn: 0n, stopLsn: 0n, reach: 0n, packs: new Set() };
  const [startLsn, stopLsn] = [lsnOf(marker.startLsn), lsnOf(marker.stopLsn)];
  const reach = reachOf(startLsn, marker.timeline, wal);
  if (reach < stopLsn) problems.push(`its WAL ends at ${reach.toString(16)}, before its stop position`);
  const packs = new Set(marker.packs.flatMap((group) => numbersOf(group.numbers).map((n) => `${group.backup}/${n}`)));
  const stored = orUndefined(() => readFileSync(path.join(folder, marker.manifest.key)));
  if (stored === undefined) problems.push('its manifest is missing');
  else if (stored.length !== marker.manifest.size || sha256(stored) !== marker.manifest.sha256)
    problems.push('its manifest is not the one that backup.json names');
  else if (depth === 'deep') {
    judgeManifest(root, (decompressed(stored) ?? stored).toString('utf8'), packs, problems);
    judgeSums(path.join(root, 'packs'), packs, problems);
  }
  return { id, problems, startLsn, stopLsn, reach, packs };
}

interface LineShape {
  readonly kind: string;
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly chunks: readonly (readonly [
    hash: string,
    size: number,
    codec: string,
    pack: string,
    offset: number,
    length: number,
  ])[];
  readonly files: number;
}

function judgeManifest(root: string, text: string, packs: ReadonlySet<string>, problems: string[]): void {
  using opened = new OpenPacks(path.join(root, 'packs'));
  let files = 0;
  let footer: LineShape | undefined;
  const paths = new Set<string>();
  for (const line of text.trimEnd().split('\n')) {
    const entry = JSON.parse(line) as LineShape;
    if (entry.kind === 'footer') footer = entry;
    if (entry.kind !== 'file') continue;
    files += 1;
    paths.add(entry.path);
    const hashes: Buffer[] = [];
    let size = 0;
    for (const [hash, plainSize, codec, pack, offset, length] of entry.chunks) {
      if (!packs.has(pack)) problems.push(`backup.json does not name pack ${pack}, which ${entry.path} needs`);
      const frame = opened.read(pack, offset, length);
      const plain = frame && (codec === 'zstd' ? decompressed(frame) : frame);
      if (plain?.length !== plainSize || sha256(plain) !== hash)
        problems.push(`${entry.path}: pack ${pack} at ${offset}`);
      hashes.push(Buffer.from(hash, 'hex'));
      size += plainSize;
    }
    const whole = hashes.length === 1 ? hashes[0]?.toString('hex') : sha256(Buffer.concat(hashes));
    if (size !== entry.size || whole !== entry.sha256) problems.push(`${entry.path} does not follow from its chunks`);
  }
  if (footer?.files !== files) problems.push(`the manifest has ${files} files, its footer says ${footer?.files}`);
  for (const needed of ['PG_VERSION', 'global/pg_control', 'backup_label']) {
    if (!paths.has(needed)) problems.push(`the manifest has no ${needed}`);
  }
}

/** Each pack's line in the SHA256SUMS of the backup that wrote it, as sha256sum would have it. */
function judgeSums(folder: string, packs: ReadonlySet<string>, problems: string[]): void {
  for (const pack of packs) {
    const [backup = '', number = ''] = pack.split('/');
    const name = `${number.padStart(8, '0')}.pack`;
    const stored = orUndefined(() => readFileSync(path.join(folder, backup, name)));
    const sums = orUndefined(() => readFileSync(path.join(folder, backup, 'SHA256SUMS'), 'utf8')) ?? '';
    if (stored === undefined || !sums.split('\n').includes(`${sha256(stored)}  ${name}`))
      problems.push(`pack ${pack} is not what its SHA256SUMS says`);
  }
}

class OpenPacks implements Disposable {
  readonly #folder: string;
  readonly #open = new Map<string, number | undefined>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  read(pack: string, offset: number, length: number): Buffer | undefined {
    if (!this.#open.has(pack)) {
      const [backup = '', number = ''] = pack.split('/');
      this.#open.set(
        pack,
        orUndefined(() => openSync(path.join(this.#folder, backup, `${number.padStart(8, '0')}.pack`), 'r')),
      );
    }
    const file = this.#open.get(pack);
    if (file === undefined || fstatSync(file).size < offset + length) return undefined;
    const bytes = Buffer.alloc(length);
    return readSync(file, bytes, 0, length, offset) === length ? bytes : undefined;
  }

  [Symbol.dispose](): void {
    for (const file of this.#open.values()) if (file !== undefined) closeSync(file);
  }
}

/** 0/3000028 */
export function lsnOf(text: string): bigint {
  const [high = '', low = ''] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

function segmentNameOf(timeline: number, number: bigint): string {
  const perLog = (1n << 32n) / SEGMENT;
  return [BigInt(timeline), number / perLog, number % perLog]
    .map((part) => part.toString(16).toUpperCase().padStart(8, '0'))
    .join('');
}

function reachOf(from: bigint, timeline: number, wal: ReadonlyMap<string, string>): bigint {
  let number = from / SEGMENT;
  while (wal.has(segmentNameOf(timeline, number))) number += 1n;
  return number * SEGMENT;
}

const numbersOf = (ranges: string): readonly number[] =>
  ranges.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });

const readdirOrNone = (directory: string): readonly string[] => (existsSync(directory) ? readdirSync(directory) : []);
const decompressed = (bytes: Uint8Array): Buffer | undefined => orUndefined(() => zstdDecompressSync(bytes));

function orUndefined<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
