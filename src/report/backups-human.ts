import { renderBytes } from '../domain/bytes.ts';
import { type Instant, parseInstant } from '../domain/instant.ts';
import type { BackupReport } from '../policy/generated/backups-report.ts';
import { styleFor } from './style.ts';
import { renderTable } from './table.ts';
import { counted, renderAge, renderInstant, renderLength } from './words.ts';

export interface BackupsTextOptions {
  readonly color: boolean;
  readonly now: Instant;
  /** Backups whose marker could not be read: shown, never counted. */
  readonly unreadable: readonly { readonly id: string; readonly repository: string; readonly reason: string }[];
}

const HEADING = ['backup', 'site', 'repository', 'taken', 'size', 'stored', 'timeline', 'state'];

/** A table, newest first; what is not restorable says why below. */
export function renderBackupsHuman(backups: readonly BackupReport[], options: BackupsTextOptions): string {
  const style = styleFor(options.color);
  const rows = backups.map((backup) => [
    backup.id,
    backup.site,
    backup.repository,
    `${renderInstant(parseInstant(backup.startTime))} (${renderAge(parseInstant(backup.startTime), options.now)})`,
    renderBytes(backup.bytes),
    renderBytes(backup.storedBytes),
    String(backup.timeline),
    stateOf(backup),
  ]);
  const [heading = '', ...table] = renderTable([HEADING, ...rows], [4, 5, 6]);
  const lines = backups.length === 0 ? ['no backups'] : [style.bold(heading), ...table];
  for (const { id, reason } of backups.filter(({ restorable }) => !restorable)) {
    lines.push(style.yellow(`! ${id} cannot be restored: ${reason}`));
  }
  for (const { id, repository, reason } of options.unreadable) {
    lines.push(style.yellow(`! ${id} in "${repository}" cannot be read and is not counted: ${reason}`));
  }
  return `${lines.join('\n')}\n`;
}

function stateOf(backup: BackupReport): string {
  if (!backup.restorable) return 'not restorable';
  const extras = [backup.lastProof === null ? '' : 'proven', backup.holds.length === 0 ? '' : 'held'].filter(Boolean);
  return extras.length === 0 ? 'restorable' : `restorable, ${extras.join(', ')}`;
}

/** Everything about one backup. */
export function renderBackupHuman(
  backup: BackupReport,
  options: { readonly color: boolean; readonly now: Instant },
): string {
  const style = styleFor(options.color);
  const start = parseInstant(backup.startTime);
  const stop = parseInstant(backup.stopTime);
  const fields: (readonly [name: string, value: string])[] = [
    ['site', backup.site],
    ['repository', backup.repository],
    ['state', backup.restorable ? stateOf(backup) : `not restorable: ${backup.reason}`],
    ['started', `${renderInstant(start)} (${renderAge(start, options.now)})`],
    ['ended', `${renderInstant(stop)} (after ${renderLength(stop - start) ?? 'less than a second'})`],
    [
      'WAL',
      `${backup.startLsn} to ${backup.stopLsn} on timeline ${backup.timeline}${backup.carriesWal ? ', carried' : ''}`,
    ],
    ['size', `${renderBytes(backup.bytes)}, of which ${renderBytes(backup.storedBytes)} were added to the repository`],
    ['PostgreSQL', renderVersion(backup.version)],
    ['system', backup.systemIdentifier],
    ['method', backup.method],
    ['proven', backup.lastProof === null ? 'never restored' : provenText(backup.lastProof)],
    ...backup.holds.map((hold) => ['hold', holdText(hold)] as const),
  ];
  return `${[style.bold(backup.id), ...renderTable(fields.map(([name, value]) => [`  ${name}`, value]))].join('\n')}\n`;
}

const provenText = ({ at, durationSeconds, reachedLsn }: NonNullable<BackupReport['lastProof']>): string =>
  `${renderInstant(parseInstant(at))}, in ${counted(Math.round(durationSeconds), 'second')}, to ${reachedLsn}`;

const holdText = ({ reason, until }: BackupReport['holds'][number]): string =>
  `${reason}, ${until === null ? 'until released' : `until ${renderInstant(parseInstant(until))}`}`;

/** `180004` to `18.4`. */
function renderVersion(version: number): string {
  return `${Math.floor(version / 10_000)}.${version % 10_000}`;
}
