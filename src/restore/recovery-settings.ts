import { Failure, unreachable } from '../domain/failure.ts';
import { formatPreciseInstant, type PreciseInstant } from '../domain/instant.ts';
import { formatLsn } from '../domain/lsn.ts';
import type { TimelineId } from '../domain/timeline.ts';
import type { RecoveryTarget } from './restore-request.ts';

/** What a restored cluster is told about its recovery. */
export interface RecoverySettings {
  readonly target: RecoveryTarget;
  /** `latest` only for standbys, which follow whatever comes; a recovery is told the timeline that was checked. */
  readonly timeline: TimelineId | 'latest';
  readonly action: 'promote' | 'pause' | 'shutdown';
  /** The program and its arguments; `%f` and `%p` are appended. */
  readonly restoreCommand: readonly string[];
  /** A copy must not archive into its source's repository. */
  readonly archiveOff: boolean;
  /** Further settings, for example primary_conninfo of a standby: name and plain value. */
  readonly more: ReadonlyMap<string, string>;
}

const BEGIN = '# begin of the settings that hoard restore wrote';
const END = '# end of the settings that hoard restore wrote';

/**
 * The text of postgresql.auto.conf for a restored cluster: what the backup had, then a marked block. An earlier block of hoard is taken out. Earlier
 * recovery targets become comments, because PostgreSQL refuses to start with two different ones; everything else is overridden by the block,
 * as the last line of a setting counts. Applying it twice gives the same text.
 */
export function addRecoverySettings(kept: string, settings: RecoverySettings): string {
  const lines = withoutBlocks(kept.split(/\r?\n/)).map((line) =>
    setsTarget(line) ? `# before hoard restore: ${line}` : line,
  );
  while (lines.at(-1)?.trim() === '') lines.pop();
  const block = [...linesOf(settings)].map(([name, value]) => `${name} = ${quoteSetting(value)}`);
  return [...lines, BEGIN, ...block, END, ''].join('\n');
}

function withoutBlocks(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let inside = false;
  for (const line of lines) {
    if (line === BEGIN) inside = true;
    if (!inside) kept.push(line);
    if (line === END) inside = false;
  }
  // A block without an end was cut by a crash: ALTER SYSTEM may not have lost what follows, so nothing is taken out.
  return inside ? lines.filter((line) => line !== BEGIN && line !== END) : kept;
}

/** The names of which PostgreSQL allows one (src/backend/access/transam/xlogrecovery.c). In a file, `=` may be left out. */
const setsTarget = (line: string): boolean => /^\s*recovery_target(_lsn|_name|_time|_xid)?(\s|=)/i.test(line);

function* linesOf(settings: RecoverySettings): Generator<readonly [name: string, value: string]> {
  yield ['restore_command', restoreCommandText(settings.restoreCommand)];
  yield ['recovery_target_timeline', String(settings.timeline)];
  const target = targetOf(settings.target);
  if (target) {
    yield target;
    if ('inclusive' in settings.target) yield ['recovery_target_inclusive', String(settings.target.inclusive)];
    yield ['recovery_target_action', settings.action];
  }
  if (settings.archiveOff) yield ['archive_mode', 'off'];
  for (const [name, value] of settings.more) {
    if (!/^[A-Za-z_][\w.]*$/.test(name))
      throw new Failure('value.invalid', { message: `"${name}" is not the name of a setting` });
    yield [name, value];
  }
}

function targetOf(target: RecoveryTarget): readonly [name: string, value: string] | undefined {
  switch (target.kind) {
    case 'latest':
      return undefined;
    case 'time':
      return ['recovery_target_time', formatTimestamp(target)];
    case 'lsn':
      return ['recovery_target_lsn', formatLsn(target.lsn)];
    case 'xid':
      return ['recovery_target_xid', target.xid];
    case 'name':
      return ['recovery_target_name', target.name];
    case 'immediate':
      return ['recovery_target', 'immediate'];
    default:
      return unreachable(target);
  }
}

/** ISO with its zone, which every DateStyle reads. */
const formatTimestamp = (at: PreciseInstant): string => formatPreciseInstant(at).replace('T', ' ').replace('Z', '+00');

/** A value in postgresql.conf: quoted; quotes are doubled and backslashes escape (GUC_scanstr in src/backend/utils/misc/guc-file.l). */
export function quoteSetting(value: string): string {
  if (value.includes('\0')) throw new Failure('value.invalid', { message: 'a setting cannot contain a zero byte' });
  const escaped = value.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return `'${escaped}'`;
}

/**
 * The restore_command: for the shell, each argument is quoted; for PostgreSQL, `%` is doubled, as it puts in the file name and the path
 * where `%f` and `%p` stand.
 */
export function restoreCommandText(command: readonly string[]): string {
  const words = command.map((word) => (/^[\w@:,./+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`));
  return `${words.join(' ').replaceAll('%', '%%')} %f "%p"`;
}
