import { createHash } from 'node:crypto';
import { CODEC_EXTENSION, CODEC_NAMES, type CodecName } from '../codec/codec.ts';
import type { SiteName } from '../domain/desired.ts';
import { unreachable } from '../domain/failure.ts';
import { type Instant, instant } from '../domain/instant.ts';
import { type BackupId, backupId, type KeyReference, type PackReference } from '../domain/observed.ts';
import { timelineName } from '../domain/timeline.ts';
import { recogniseWalFile, type WalFile } from '../domain/wal-file.ts';
import { BACKUP_ID_FORM } from './backup-id.ts';

/** Every key of repository format v1, in both directions. Keys are pure text; nothing here touches a store. */

export const REPOSITORY_KEY = 'hoard.json';

export const SITES_PREFIX = 'sites/';
export const sitePrefix = (site: SiteName): string => `${SITES_PREFIX}${site}/`;
export const identityKey = (site: SiteName): string => `${sitePrefix(site)}site.json`;

/** How an object is stored, which its name says: compressed, and perhaps an OpenPGP message (`.pgp`). */
export interface StoredForm {
  readonly codec: CodecName;
  /** An OpenPGP message: encrypted, or signed only. */
  readonly message: boolean;
}

/** What a WAL object is named by: the hash of its plain content (SHA-256, 64 lower-case hexadecimal digits), and its form. */
interface StoredContent extends StoredForm {
  readonly sha256: string;
  /** Whom it is encrypted to: the name of that set of keys (recipientSetName). Absent where it is not encrypted. */
  readonly recipientSet?: string;
}

const MESSAGE_EXTENSION = 'pgp';

const extensionOf = ({ codec, message }: StoredForm): string =>
  message ? `${CODEC_EXTENSION[codec]}.${MESSAGE_EXTENSION}` : CODEC_EXTENSION[codec];

/** The form of a stored name, from its extensions; undefined where this version does not know them. */
function formOf(extensions: string): StoredForm | undefined {
  const message = extensions.endsWith(`.${MESSAGE_EXTENSION}`);
  const extension = message ? extensions.slice(0, -MESSAGE_EXTENSION.length - 1) : extensions;
  const codec = CODEC_NAMES.find((name) => CODEC_EXTENSION[name] === extension);
  return codec && { codec, message };
}

const walFolder = (site: SiteName, file: WalFile): string => {
  const timeline = `${sitePrefix(site)}wal/${timelineName(file.timeline)}/`;
  return file.kind === 'history' ? timeline : `${timeline}${file.log}/`;
};

/** Lists every content stored under one WAL name. The hyphen keeps `.partial` and `.backup` files of the same segment apart. */
export const walPrefix = (site: SiteName, file: WalFile): string => `${walFolder(site, file)}${file.name}-`;

export const walKey = (site: SiteName, file: WalFile, content: StoredContent): string =>
  `${walPrefix(site, file)}${content.sha256}${recipientsOf(content)}.${extensionOf(content)}`;

// No hyphen: what follows the last one is the hash, for scripts too.
const recipientsOf = ({ recipientSet }: StoredContent): string =>
  recipientSet === undefined ? '' : `.to_${recipientSet}`;

/**
 * The name of a set of recipients: 16 hexadecimal digits of the SHA-256 over the fingerprints of their (sub)keys, in ascending order, a line
 * each. So a listing tells which WAL was encrypted to the same keys; which those are, any one of the objects says at its beginning.
 */
export function recipientSetName(recipients: readonly KeyReference[]): string {
  const lines = recipients.map(({ encryptionKey }) => `${encryptionKey}\n`).toSorted();
  return createHash('sha256').update(lines.join('')).digest('hex').slice(0, 16);
}

export const timelinePrefix = (site: SiteName, timeline: WalFile['timeline']): string =>
  `${sitePrefix(site)}wal/${timelineName(timeline)}/`;

export const setAsidePrefix = (site: SiteName, file: WalFile, sha256: string): string =>
  `${sitePrefix(site)}set-aside/${file.name}-${sha256}-`;

export const setAsideKey = (site: SiteName, file: WalFile, content: StoredContent, at: Instant): string =>
  `${setAsidePrefix(site, file, content.sha256)}${at}.${extensionOf(content)}`;

export const backupsPrefix = (site: SiteName): string => `${sitePrefix(site)}backups/`;
export const backupPrefix = (site: SiteName, backup: BackupId): string => `${backupsPrefix(site)}${backup}/`;
export const markerKey = (site: SiteName, backup: BackupId): string => `${backupPrefix(site, backup)}backup.json`;

const MANIFEST_NAME = 'manifest.ndjson.';

export const manifestKey = (site: SiteName, backup: BackupId, form: StoredForm): string =>
  `${backupPrefix(site, backup)}${MANIFEST_NAME}${extensionOf(form)}`;

/** The form of the manifest under a key; undefined where this version does not know it. */
export const manifestForm = (key: string): StoredForm | undefined =>
  formOf(key.slice(key.lastIndexOf(MANIFEST_NAME) + MANIFEST_NAME.length));

export const packsPrefix = (site: SiteName): string => `${sitePrefix(site)}packs/`;

/** The name of a pack among those of the backup that wrote it. */
export const packFileName = ({ number, encrypted }: PackReference): string =>
  `${String(number).padStart(8, '0')}.pack${encrypted === true ? `.${MESSAGE_EXTENSION}` : ''}`;

export const packKey = (site: SiteName, pack: PackReference): string =>
  `${packsPrefix(site)}${pack.backup}/${packFileName(pack)}`;

/** What the stored bytes of the packs that a backup wrote are known by. */
export const packSumsKey = (site: SiteName, backup: BackupId): string => `${packsPrefix(site)}${backup}/SHA256SUMS`;

export const holdsPrefix = (site: SiteName, backup: BackupId): string => `${sitePrefix(site)}holds/${backup}/`;

/** `name` is a lower-case DNS label. */
export const holdKey = (site: SiteName, backup: BackupId, name: string): string =>
  `${holdsPrefix(site, backup)}${name}.json`;

export const proofsPrefix = (site: SiteName, backup: BackupId): string => `${sitePrefix(site)}proofs/${backup}/`;

export const proofKey = (site: SiteName, backup: BackupId, at: Instant): string =>
  `${proofsPrefix(site, backup)}${at}.json`;

export const leasePrefix = (site: SiteName): string => `${sitePrefix(site)}lease/`;

export const leaseKey = (site: SiteName, generation: number): string =>
  `${leasePrefix(site)}${String(generation).padStart(12, '0')}.json`;

/** Packs of one backup are numbered with eight digits, so at 64 MiB each a backup can hold 6 PiB. */
export const MAX_PACK_NUMBER = 99_999_999;

export type SiteKey =
  | { readonly kind: 'identity' }
  /** `form` is absent where this version does not know the extension; name and hash count all the same. */
  | {
      readonly kind: 'wal';
      readonly file: WalFile;
      readonly sha256: string;
      readonly form: StoredForm | undefined;
      readonly recipientSet?: string;
    }
  | { readonly kind: 'set-aside'; readonly file: WalFile; readonly sha256: string; readonly at: Instant }
  | { readonly kind: 'marker'; readonly backup: BackupId }
  | { readonly kind: 'manifest'; readonly backup: BackupId; readonly form: StoredForm | undefined }
  /** Anything else below a backup's own folder. */
  | { readonly kind: 'in-backup'; readonly backup: BackupId }
  | { readonly kind: 'pack'; readonly pack: PackReference }
  | { readonly kind: 'pack-sums'; readonly backup: BackupId }
  | { readonly kind: 'hold'; readonly backup: BackupId; readonly name: string }
  | { readonly kind: 'proof'; readonly backup: BackupId; readonly at: Instant }
  | { readonly kind: 'lease'; readonly generation: number };

const BACKUP = `(?<backup>${BACKUP_ID_FORM})`;
const CONTENT = '(?<name>[0-9A-Z.a-z]+)-(?<sha256>[0-9a-f]{64})';
const RECIPIENTS = '(?:\\.to_(?<recipients>[0-9a-f]{16}))?';
const EXTENSION = '(?<extension>[a-z0-9]+(?:\\.[a-z0-9]+)*)';

const FORMS: readonly (readonly [kind: SiteKey['kind'], form: RegExp])[] = [
  ['identity', /^site\.json$/],
  ['wal', new RegExp(`^wal/(?<timeline>[0-9A-F]{8})/(?:(?<log>[0-9A-F]{8})/)?${CONTENT}${RECIPIENTS}\\.${EXTENSION}$`)],
  ['set-aside', new RegExp(`^set-aside/${CONTENT}-(?<at>\\d{1,15})\\.${EXTENSION}$`)],
  ['marker', new RegExp(`^backups/${BACKUP}/backup\\.json$`)],
  ['manifest', new RegExp(`^backups/${BACKUP}/manifest\\.ndjson\\.${EXTENSION}$`)],
  ['in-backup', new RegExp(`^backups/${BACKUP}/.+$`)],
  ['pack', new RegExp(`^packs/${BACKUP}/(?<number>\\d{8})\\.pack(?<message>\\.pgp)?$`)],
  ['pack-sums', new RegExp(`^packs/${BACKUP}/SHA256SUMS$`)],
  ['hold', new RegExp(`^holds/${BACKUP}/(?<name>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\\.json$`)],
  ['proof', new RegExp(`^proofs/${BACKUP}/(?<at>\\d{1,15})\\.json$`)],
  ['lease', /^lease\/(?<generation>\d{12})\.json$/],
];

/** What a key below `sites/<site>/` is, or undefined where it is none of format v1's: such keys are somebody else's and left alone. */
export function parseSiteKey(site: SiteName, key: string): SiteKey | undefined {
  const prefix = sitePrefix(site);
  if (!key.startsWith(prefix)) return undefined;
  const rest = key.slice(prefix.length);
  for (const [kind, form] of FORMS) {
    const groups = form.exec(rest)?.groups;
    if (groups || (kind === 'identity' && form.test(rest))) return buildKey(kind, groups ?? {});
  }
  return undefined;
}

function buildKey(kind: SiteKey['kind'], groups: Readonly<Record<string, string | undefined>>): SiteKey | undefined {
  const backup = backupId(groups['backup'] ?? '');
  const number = (name: string): number => Number(groups[name]);
  switch (kind) {
    case 'identity':
      return { kind };
    case 'wal': {
      const file = recogniseWalFile(groups['name'] ?? '');
      // A file in the folder of another timeline or log is not where this format puts it.
      if (!file || timelineName(file.timeline) !== groups['timeline']) return undefined;
      if ((file.kind === 'history' ? undefined : file.log) !== groups['log']) return undefined;
      const content = { kind, file, sha256: groups['sha256'] ?? '', form: formOf(groups['extension'] ?? '') } as const;
      const recipientSet = groups['recipients'];
      return recipientSet === undefined ? content : { ...content, recipientSet };
    }
    case 'set-aside': {
      const file = recogniseWalFile(groups['name'] ?? '');
      return file && { kind, file, sha256: groups['sha256'] ?? '', at: instant(number('at')) };
    }
    case 'manifest':
      return { kind, backup, form: formOf(groups['extension'] ?? '') };
    case 'marker':
    case 'in-backup':
    case 'pack-sums':
      return { kind, backup };
    case 'pack':
      return { kind, pack: packReference(backup, number('number'), groups['message'] !== undefined) };
    case 'hold':
      return { kind, backup, name: groups['name'] ?? '' };
    case 'proof':
      return { kind, backup, at: instant(number('at')) };
    case 'lease':
      return { kind, generation: number('generation') };
    default:
      return unreachable(kind);
  }
}

export function packReference(backup: BackupId, number: number, encrypted: boolean): PackReference {
  return encrypted ? { backup, number, encrypted } : { backup, number };
}
