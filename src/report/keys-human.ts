import { type Instant, parseInstant } from '../domain/instant.ts';
import type {
  BackupKeysReport,
  DeclaredKeyReport,
  KeysReport,
  WalKeysReport,
} from '../policy/generated/keys-report.ts';
import { type Style, styleFor } from './style.ts';
import { renderTable } from './table.ts';
import { counted, renderAge, renderInstant } from './words.ts';

const ROLES: Readonly<Record<DeclaredKeyReport['role'], string>> = {
  recipient: 'recipient',
  signing: 'signs',
  'trusted-signer': 'trusted signer',
  'private-key': 'private key',
};

const HEADING = ['backup', 'site', 'repository', 'taken', 'opened by any one of', 'state'];
const WAL_HEADING = ['WAL files', 'site', 'repository', 'from', 'to', 'opened by any one of', 'state'];

/** What is declared, then which backup and which WAL needs which key; what nobody can open any more stands below. */
export function renderKeysHuman(
  { repositories, backups, wal }: KeysReport,
  options: { readonly color: boolean; readonly now: Instant },
): string {
  const style = styleFor(options.color);
  const lines: string[] = [];
  for (const { name, encrypted, keys } of repositories) {
    lines.push(style.bold(`repository "${name}"`), ...(encrypted ? renderKeys(keys, style) : ['  no encryption']));
  }
  const rows = backups.map((backup) => [
    backup.id,
    backup.site,
    backup.repository,
    `${renderInstant(parseInstant(backup.startTime))} (${renderAge(parseInstant(backup.startTime), options.now)})`,
    backup.recipients.map(({ fingerprint }) => shortId(fingerprint)).join(' ') || '-',
    stateOf(backup),
  ]);
  lines.push('', ...(backups.length === 0 ? ['no backups'] : headed([HEADING, ...rows], style)));
  if (wal.length > 0) lines.push('', ...headed([WAL_HEADING, ...wal.map(walRow)], style));
  lines.push(...renderWarnings(backups, wal).map((text) => style.yellow(`! ${text}`)));
  return `${lines.join('\n')}\n`;
}

function headed(rows: readonly (readonly string[])[], style: Style): readonly string[] {
  const [heading = '', ...table] = renderTable(rows);
  return [style.bold(heading), ...table];
}

const walRow = ({ site, repository, files, first, last, recipients, ...state }: WalKeysReport): readonly string[] => [
  String(files),
  site,
  repository,
  first,
  last,
  recipients.map(({ keyId, fingerprint }) => shortId(fingerprint ?? keyId)).join(' ') || 'not known',
  stateOf({ encrypted: true, ...state }),
];

function renderKeys(keys: readonly DeclaredKeyReport[], style: Style): readonly string[] {
  const table = renderTable(keys.map((key) => [`  ${ROLES[key.role]}`, nameOf(key), endOf(key), key.where]));
  return keys.flatMap(({ usable, reason }, index) => [
    table[index] ?? '',
    ...(usable ? [] : [style.yellow(`    ! ${reason}`)]),
  ]);
}

function nameOf({ fingerprint, owner }: DeclaredKeyReport): string {
  if (fingerprint === null) return 'not read';
  return owner === null ? fingerprint.toUpperCase() : `${fingerprint.toUpperCase()} (${owner})`;
}

function endOf({ expires, fingerprint }: DeclaredKeyReport): string {
  if (fingerprint === null) return '';
  return expires === null ? 'never expires' : `until ${renderInstant(parseInstant(expires)).slice(0, 10)}`;
}

/** The key id of GnuPG's long form: enough to tell keys apart in a table. */
const shortId = (fingerprint: string): string => fingerprint.slice(-16).toUpperCase();

function stateOf({
  encrypted,
  onlyRetired,
  opensHere,
}: Pick<BackupKeysReport, 'encrypted' | 'onlyRetired' | 'opensHere'>): string {
  if (!encrypted) return 'not encrypted';
  return [
    onlyRetired === true ? 'retired keys only' : 'encrypted',
    ...(opensHere === null ? [] : [opensHere ? 'opens here' : 'does not open here']),
  ].join(', ');
}

function renderWarnings(backups: readonly BackupKeysReport[], wal: readonly WalKeysReport[]): readonly string[] {
  const retired = [...backups, ...wal].filter(({ onlyRetired }) => onlyRetired === true);
  const needed = retired.flatMap(({ recipients }) =>
    recipients.map((key) => (key.fingerprint ?? ('keyId' in key ? key.keyId : '')).toUpperCase()),
  );
  const unknown = amountWith((each) => each.onlyRetired === null);
  const closed = amountWith((each) => each.opensHere === false);
  return [
    ...(retired.length === 0
      ? []
      : [
          `${amountWith((each) => each.onlyRetired === true)} can be opened by retired keys only: keep the private keys of ${[...new Set(needed)].join(', ')}`,
        ]),
    ...(unknown === ''
      ? []
      : [`whether a key that is declared now opens ${unknown} is not known: recipients could not be read`]),
    ...(closed === '' ? [] : [`the private keys that are declared here do not open ${closed}`]),
  ];

  /** As `2 backups and 14 WAL files`; empty where there is none. */
  function amountWith(has: (each: BackupKeysReport | WalKeysReport) => boolean): string {
    const found = backups.filter(has).length;
    const files = wal.filter(has).reduce((sum, each) => sum + each.files, 0);
    return [
      ...(found === 0 ? [] : [counted(found, 'backup')]),
      ...(files === 0 ? [] : [counted(files, 'WAL file')]),
    ].join(' and ');
  }
}
