import { bytesOf } from '../domain/bytes.ts';
import type { SiteName } from '../domain/desired.ts';
import { unreachable } from '../domain/failure.ts';
import { instant } from '../domain/instant.ts';
import type {
  BackupId,
  ObservedRepository,
  PackReference,
  StoredObject,
  StoredPack,
  StoredSegment,
  WalRecipients,
} from '../domain/observed.ts';
import { parseSegmentName, type SegmentSize } from '../domain/segment.ts';
import type { TimelineId } from '../domain/timeline.ts';
import type { ObjectInfo } from '../storage/object-store.ts';
import { packKey, parseSiteKey, type SiteKey } from './layout.ts';
import type { StoredWalObject } from './wal-objects.ts';

type KeyOf<Kind extends SiteKey['kind']> = Extract<SiteKey, { kind: Kind }>;

export interface EncryptedWal extends Omit<WalRecipients, 'keyIds'> {
  /** Absent where the names do not say it: then each may be encrypted to others. */
  readonly recipientSet: string | undefined;
  /** One of the objects. */
  readonly sample: { readonly key: string; readonly size: number };
}

/** Sorts the keys of one listing of a site by what they are. Pure: it only takes what the store said. */
export class SiteListing {
  readonly #site: SiteName;
  readonly #markers = new Set<BackupId>();
  readonly #inBackups: { readonly backup: BackupId; readonly object: StoredObject }[] = [];
  readonly #wal: StoredWalObject[] = [];
  readonly #packs: StoredPack[] = [];
  readonly #packSums: { readonly backup: BackupId; readonly object: StoredObject }[] = [];
  readonly #sizes = new Map<string, number>();
  readonly #holds: KeyOf<'hold'>[] = [];
  readonly #proofs: KeyOf<'proof'>[] = [];

  constructor(site: SiteName) {
    this.#site = site;
  }

  add({ key, size, storedAt }: ObjectInfo): void {
    const parsed = parseSiteKey(this.#site, key);
    const at = instant(storedAt);
    switch (parsed?.kind) {
      case 'marker':
        this.#markers.add(parsed.backup);
        break;
      case 'manifest':
      case 'in-backup':
        this.#sizes.set(key, size);
        this.#inBackups.push({ backup: parsed.backup, object: { key, size: bytesOf(size), storedAt: at } });
        break;
      case 'pack':
        this.#sizes.set(key, size);
        this.#packs.push({ ...parsed.pack, size: bytesOf(size), storedAt: at });
        break;
      case 'pack-sums':
        this.#packSums.push({ backup: parsed.backup, object: { key, size: bytesOf(size), storedAt: at } });
        break;
      case 'wal': {
        const { file, sha256, form, recipientSet } = parsed;
        this.#wal.push({ key, file, sha256, form, recipientSet, storedSize: size, storedAt: at });
        break;
      }
      case 'hold':
        this.#holds.push(parsed);
        break;
      case 'proof':
        this.#proofs.push(parsed);
        break;
      case 'identity':
      case 'set-aside':
      case 'lease':
      case undefined:
        break;
      default:
        unreachable(parsed);
    }
  }

  /** There is something that only a site that was claimed can have. */
  hasData(): boolean {
    return this.#wal.length > 0 || this.#packs.length > 0 || this.#markers.size > 0;
  }

  markers(): readonly BackupId[] {
    return [...this.#markers];
  }

  sizeOf(key: string): number | undefined {
    return this.#sizes.get(key);
  }

  packs(): readonly StoredPack[] {
    return this.#packs;
  }

  packSize(pack: PackReference): number | undefined {
    return this.#sizes.get(packKey(this.#site, pack));
  }

  holds(): readonly KeyOf<'hold'>[] {
    return this.#holds;
  }

  proofs(): readonly KeyOf<'proof'>[] {
    return this.#proofs;
  }

  /**
   * What lies in the folder of a backup that was never committed, or whose marker was removed; and sums of packs, when the last of those
   * packs is gone as well: another backup may need some.
   */
  strays(): readonly StoredObject[] {
    const withPacks = new Set(this.#packs.map(({ backup }) => backup));
    return [...this.#inBackups, ...this.#packSums.filter(({ backup }) => !withPacks.has(backup))]
      .filter(({ backup }) => !this.#markers.has(backup))
      .map(({ object }) => object);
  }

  histories(): readonly StoredWalObject[] {
    return this.#wal.filter(({ file }) => file.kind === 'history');
  }

  otherWalFiles(): ReadonlySet<string> {
    const others = this.#wal.filter(({ file }) => file.kind === 'partial' || file.kind === 'backup-label');
    return new Set(others.map(({ file }) => file.name));
  }

  /** Files that are encrypted, by what their names say of the recipients; histories are not. */
  encryptedWal(): readonly EncryptedWal[] {
    const sets = new Map<string | undefined, EncryptedWal>();
    for (const { key, file, form, recipientSet, storedSize } of this.#wal) {
      if (form?.message !== true || file.kind === 'history') continue;
      const { name } = file;
      const { files, first, last } = sets.get(recipientSet) ?? { files: 0, first: name, last: name };
      sets.set(recipientSet, {
        recipientSet,
        files: files + 1,
        first: name < first ? name : first,
        last: name > last ? name : last,
        sample: { key, size: storedSize },
      });
    }
    return [...sets.values()].sort((a, b) => (a.first < b.first ? -1 : 1));
  }

  /** Segments by timeline, ascending. Names that cannot occur with this segment size are nobody's segments and left out. */
  segments(size: SegmentSize): ObservedRepository['wal'] {
    const timelines = new Map<TimelineId, Map<number, StoredSegment>>();
    for (const object of this.#wal) {
      const segment = segmentOf(object, size);
      if (!segment) continue;
      const segments = timelines.get(object.file.timeline) ?? new Map<number, StoredSegment>();
      timelines.set(object.file.timeline, segments);
      const known = segments.get(segment.number);
      segments.set(
        segment.number,
        known ? { ...known, conflict: known.conflict || known.hash !== segment.hash } : segment,
      );
    }
    const ascending = (segments: Map<number, StoredSegment>): StoredSegment[] =>
      [...segments.values()].sort((a, b) => a.number - b.number);
    return new Map([...timelines].map(([timeline, segments]) => [timeline, ascending(segments)]));
  }
}

function segmentOf(object: StoredWalObject, size: SegmentSize): StoredSegment | undefined {
  if (object.file.kind !== 'segment') return undefined;
  // parseSegmentName refuses names whose last part cannot occur with this size.
  if (Number.parseInt(object.file.name.slice(16), 16) >= 0x1_0000_0000 / size) return undefined;
  const { number } = parseSegmentName(object.file.name, size);
  return { number, size: bytesOf(object.storedSize), storedAt: object.storedAt, hash: object.sha256, conflict: false };
}
