import { type Instant, parseInstant } from '../domain/instant.ts';
import type { BackupKeysReport, DeclaredKeyReport, KeysReport } from '../policy/generated/keys-report.ts';
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

/** What is declared, then which backup needs which key; what nobody can open any more stands below. */
export function renderKeysHuman(
  { repositories, backups }: KeysReport,
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
  const [heading = '', ...table] = renderTable([HEADING, ...rows]);
  lines.push('', ...(backups.length === 0 ? ['no backups'] : [style.bold(heading), ...table]));
  lines.push(...renderWarnings(backups).map((text) => style.yellow(`! ${text}`)));
  return `${lines.join('\n')}\n`;
}

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

function stateOf({ encrypted, onlyRetired, opensHere }: BackupKeysReport): string {
  if (!encrypted) return 'not encrypted';
  return [
    onlyRetired === true ? 'retired keys only' : 'encrypted',
    ...(opensHere === null ? [] : [opensHere ? 'opens here' : 'does not open here']),
  ].join(', ');
}

function renderWarnings(backups: readonly BackupKeysReport[]): readonly string[] {
  const retired = backups.filter(({ onlyRetired }) => onlyRetired === true);
  const unknown = backups.filter(({ onlyRetired }) => onlyRetired === null);
  const closed = backups.filter(({ opensHere }) => opensHere === false);
  const needed = [...new Set(retired.flatMap(({ recipients }) => recipients.map(({ fingerprint }) => fingerprint)))];
  return [
    ...(retired.length === 0
      ? []
      : [
          `${counted(retired.length, 'backup')} can be opened by retired keys only: keep the private keys of ${needed.map((key) => key.toUpperCase()).join(', ')}`,
        ]),
    ...(unknown.length === 0
      ? []
      : [
          `whether a key that is declared now opens ${counted(unknown.length, 'backup')} is not known: a recipient could not be read`,
        ]),
    ...(closed.length === 0
      ? []
      : [`the private keys that are declared here do not open ${counted(closed.length, 'backup')}`]),
  ];
}
