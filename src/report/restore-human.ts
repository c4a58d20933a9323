import { renderBytes } from '../domain/bytes.ts';
import { parseInstant } from '../domain/instant.ts';
import type { RestoreReport } from '../policy/generated/restore-report.ts';
import { styleFor } from './style.ts';
import { counted, renderInstant, renderLength } from './words.ts';

/** What was restored, or would be, and how it goes on. */
export function renderRestoreHuman(report: RestoreReport, options: { readonly color: boolean }): string {
  const style = styleFor(options.color);
  const { restored, reach, dataDirectory } = report;
  const lines = [
    style.bold(verdictOf(report)),
    `  backup: ${report.backup} from "${report.repository}"${report.alternatives.length === 0 ? '' : `, else from ${report.alternatives.join(', ')}`}`,
    `  recovery: ${recoveryOf(report)}`,
    `  stored WAL reaches ${reach.lsn}, stored at ${renderInstant(parseInstant(reach.time))}`,
    ...(restored?.tablespaces ?? []).map(({ oid, directory }) => `  tablespace ${oid}: ${directory}`),
    ...report.notes.map((note) => `  ${style.yellow('!')} ${note}`),
  ];
  if (restored !== null) lines.push('', `next: start PostgreSQL on it, for example pg_ctl -D ${dataDirectory} start`);
  return `${lines.join('\n')}\n`;
}

function verdictOf({ restored, dataDirectory }: RestoreReport): string {
  if (restored === null) return `the way is clear: nothing was written to ${dataDirectory}`;
  const { files, bytes, kept, resumed, durationSeconds } = restored;
  const length = renderLength(durationSeconds * 1000) ?? 'less than a second';
  const again = resumed ? `; an interrupted restore was resumed and ${counted(kept, 'file')} kept` : '';
  return `restored ${counted(files, 'file')} (${renderBytes(bytes)}) into ${dataDirectory} in ${length}${again}`;
}

function recoveryOf({ standby, target, timeline, action }: RestoreReport): string {
  if (standby) return 'a standby: follows the newest timeline and does not end';
  return `to ${target} on timeline ${timeline}, then ${action}`;
}
