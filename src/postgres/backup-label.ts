import { Failure } from '../domain/failure.ts';
import { formatLsn, type Lsn, parseLsn } from '../domain/lsn.ts';
import { type TimelineId, timelineId } from '../domain/timeline.ts';

/** What backup_label says, and the backup history file (`….backup` in the archive), which adds the stop position. */
export interface BackupLabel {
  /** Where redo starts, and the segment that holds it. */
  readonly startLsn: Lsn;
  readonly startSegment: string;
  readonly checkpointLsn: Lsn;
  readonly method: string;
  readonly from: 'primary' | 'standby';
  /** In the server's log_timezone, as text. */
  readonly startTime: string;
  readonly label: string;
  readonly timeline: TimelineId;
  readonly stop:
    | { readonly lsn: Lsn; readonly segment: string; readonly time: string; readonly timeline: TimelineId }
    | undefined;
}

/** Throws `postgres.format` where a line that must be there is missing or malformed. Unknown lines are skipped. */
export function parseBackupLabel(text: string): BackupLabel {
  const lines = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^([A-Z ]+): (.*)$/.exec(line);
    // The first one counts, as it does for the server; a label may contain anything.
    if (match?.[1] && !lines.has(match[1])) lines.set(match[1], match[2] ?? '');
  }
  const value = (name: string): string => {
    const found = lines.get(name);
    if (found === undefined) throw malformed(`has no line "${name}"`);
    return found;
  };
  const start = parsePosition('START WAL LOCATION', value('START WAL LOCATION'));
  // Version 13 still writes "master".
  const from = value('BACKUP FROM').replace('master', 'primary');
  if (from !== 'primary' && from !== 'standby') throw malformed(`names the origin ${JSON.stringify(from)}`);
  return {
    startLsn: start.at,
    startSegment: start.segment,
    checkpointLsn: position('CHECKPOINT LOCATION', value('CHECKPOINT LOCATION')),
    method: value('BACKUP METHOD'),
    from,
    startTime: value('START TIME'),
    label: value('LABEL'),
    timeline: timeline('START TIMELINE', value('START TIMELINE')),
    stop: lines.has('STOP WAL LOCATION') ? parseStop(value) : undefined,
  };
}

function parseStop(value: (name: string) => string): BackupLabel['stop'] {
  const stop = parsePosition('STOP WAL LOCATION', value('STOP WAL LOCATION'));
  return {
    lsn: stop.at,
    segment: stop.segment,
    time: value('STOP TIME'),
    timeline: timeline('STOP TIMELINE', value('STOP TIMELINE')),
  };
}

/** The text of a backup_label, as the server writes it (build_backup_content in src/backend/access/transam/xlogbackup.c). */
export function formatBackupLabel(label: Omit<BackupLabel, 'stop'>): string {
  return [
    `START WAL LOCATION: ${formatLsn(label.startLsn)} (file ${label.startSegment})`,
    `CHECKPOINT LOCATION: ${formatLsn(label.checkpointLsn)}`,
    `BACKUP METHOD: ${label.method}`,
    `BACKUP FROM: ${label.from}`,
    `START TIME: ${label.startTime}`,
    `LABEL: ${label.label}`,
    `START TIMELINE: ${label.timeline}`,
    '',
  ].join('\n');
}

function parsePosition(name: string, text: string): { readonly at: Lsn; readonly segment: string } {
  const match = /^([0-9A-F]+\/[0-9A-F]+) \(file ([0-9A-F]{24})\)$/i.exec(text);
  if (!match?.[1] || !match[2]) throw malformed(`has a malformed line "${name}"`);
  return { at: position(name, match[1]), segment: match[2] };
}

function position(name: string, text: string): Lsn {
  try {
    return parseLsn(text);
  } catch (cause) {
    throw malformed(`has a malformed line "${name}"`, cause);
  }
}

function timeline(name: string, text: string): TimelineId {
  if (!/^\d{1,10}$/.test(text) || Number(text) === 0) throw malformed(`has a malformed line "${name}"`);
  return timelineId(Number(text));
}

const malformed = (what: string, cause?: unknown): Failure =>
  new Failure('postgres.format', { message: `backup_label ${what}`, ...(cause === undefined ? {} : { cause }) });
