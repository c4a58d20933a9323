import { type Command, Option } from 'commander';
import { Failure } from '../domain/failure.ts';
import { parsePreciseInstant } from '../domain/instant.ts';
import { parseLsn } from '../domain/lsn.ts';
import { backupId } from '../domain/observed.ts';
import { parseTimelineName, timelineId } from '../domain/timeline.ts';
import type { RecoveryTarget, RestoreRequest, TimelineChoice } from '../restore/restore-request.ts';

/** The flags of `hoard restore`. The target ones are named after PostgreSQL's settings recovery_target_*. */
export interface RestoreOptions {
  readonly to: string;
  readonly targetTime?: string;
  readonly targetLsn?: string;
  readonly targetXid?: string;
  readonly targetName?: string;
  readonly targetImmediate?: true;
  readonly inclusive?: true;
  readonly exclusive?: true;
  readonly timeline: string;
  readonly action: 'promote' | 'pause' | 'shutdown';
  readonly backup?: string;
  readonly repository?: string;
  readonly tablespace?: ReadonlyMap<string, string>;
  readonly standby?: true;
  /** False with --no-archive. */
  readonly archive: boolean;
  readonly dryRun?: true;
}

const TARGETS = ['targetTime', 'targetLsn', 'targetXid', 'targetName', 'targetImmediate'] as const;

export function restoreOptions(command: Command): Command {
  const exclusiveOf = (own: (typeof TARGETS)[number], option: Option): Option =>
    option.conflicts(TARGETS.filter((other) => other !== own));
  return command
    .requiredOption(
      '--to <directory>',
      'the new data directory: missing, empty, or an interrupted restore of the same backup',
    )
    .addOption(
      exclusiveOf(
        'targetTime',
        new Option('--target-time <time>', 'recover to this moment, with its zone: 2026-11-20T14:05:00Z'),
      ),
    )
    .addOption(exclusiveOf('targetLsn', new Option('--target-lsn <lsn>', 'recover to this WAL position')))
    .addOption(exclusiveOf('targetXid', new Option('--target-xid <xid>', 'recover to this transaction')))
    .addOption(
      exclusiveOf(
        'targetName',
        new Option('--target-name <name>', 'recover to this restore point (pg_create_restore_point)'),
      ),
    )
    .addOption(
      exclusiveOf('targetImmediate', new Option('--target-immediate', 'stop as soon as the backup is consistent')),
    )
    .option('--inclusive', 'what is at the time, LSN or transaction is recovered as well (the default)')
    .addOption(
      new Option('--exclusive', 'recovery stops just before the time, LSN or transaction').conflicts('inclusive'),
    )
    .option(
      '--timeline <timeline>',
      'latest, current (the one of the backup), or a number, also as 0xA or 0000000A',
      'latest',
    )
    .addOption(
      new Option('--action <action>', 'what PostgreSQL does at the target')
        .choices(['promote', 'pause', 'shutdown'])
        .default('promote'),
    )
    .option('--backup <id>', 'start from this backup instead of the best one')
    .option('--repository <name>', 'read only from this repository')
    .option(
      '--tablespace <old=new>',
      'where a tablespace goes, by oid, old path or the last name of it (repeatable)',
      collectTablespace,
    )
    .addOption(
      new Option('--standby', 'make a standby: it follows the repository and does not end recovery').conflicts([
        ...TARGETS,
      ]),
    )
    .option('--no-archive', 'the restored server does not archive its WAL: for copies beside the original')
    .option('--dry-run', 'check the whole way and show it; write nothing');
}

function collectTablespace(
  value: string,
  earlier: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const match = /^([^=]+)=(.+)$/.exec(value);
  if (!match?.[1] || !match[2]) {
    throw new Failure('usage.invalid', {
      message: `"${value}" does not say where a tablespace goes`,
      hint: 'write --tablespace OLD=/new/directory, where OLD is its oid, its path or the last name of the path',
    });
  }
  return new Map(earlier).set(match[1], match[2]);
}

/** What is to be restored. Throws `value.invalid` and `usage.invalid` for flags that make no sense. */
export function restoreRequest(options: RestoreOptions): RestoreRequest {
  return {
    target: recoveryTarget(options),
    timeline: timelineChoice(options.timeline),
    backup: options.backup === undefined ? undefined : backupId(options.backup),
  };
}

function recoveryTarget(options: RestoreOptions): RecoveryTarget {
  const inclusive = options.exclusive !== true;
  if (options.targetTime !== undefined) return { kind: 'time', ...parsePreciseInstant(options.targetTime), inclusive };
  if (options.targetLsn !== undefined) return { kind: 'lsn', lsn: parseLsn(options.targetLsn), inclusive };
  if (options.targetXid !== undefined) return { kind: 'xid', xid: parseXid(options.targetXid), inclusive };
  if (options.exclusive === true || options.inclusive === true) {
    throw new Failure('usage.invalid', {
      message: '--inclusive and --exclusive say nothing without --target-time, --target-lsn or --target-xid',
    });
  }
  if (options.targetName !== undefined) return { kind: 'name', name: parseRestorePoint(options.targetName) };
  return options.targetImmediate === true ? { kind: 'immediate' } : { kind: 'latest' };
}

function parseXid(text: string): string {
  if (/^\d{1,20}$/.test(text)) return text;
  throw new Failure('value.invalid', {
    message: `"${text}" is not a transaction id`,
    hint: 'write the number that pg_current_xact_id() or pg_waldump shows',
  });
}

// PostgreSQL cuts names of restore points at 63 bytes (MAXFNAMELEN in xlog_internal.h) and would never find a longer one.
const LONGEST_RESTORE_POINT = 63;

function parseRestorePoint(text: string): string {
  if (text !== '' && Buffer.byteLength(text) <= LONGEST_RESTORE_POINT) return text;
  throw new Failure('value.invalid', {
    message: `"${text}" cannot be the name of a restore point: PostgreSQL allows 1 to ${LONGEST_RESTORE_POINT} bytes`,
  });
}

/** PostgreSQL's own forms (decimal, 0x…), and the eight hexadecimal digits of WAL file names. */
function timelineChoice(text: string): TimelineChoice {
  if (text === 'latest' || text === 'current') return text;
  if (/^[0-9A-F]{8}$/.test(text)) return parseTimelineName(text);
  if (/^([1-9]\d*|0x[0-9a-f]+)$/i.test(text)) return timelineId(Number(text));
  throw new Failure('value.invalid', {
    message: `"${text}" is not a timeline`,
    hint: 'write latest, current, or a number: 3, 0xA, 0000000A',
  });
}
