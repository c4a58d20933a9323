import { Failure } from './failure.ts';
import { formatLsn, type Lsn, parseLsn } from './lsn.ts';

/** A timeline id, 1 to 4294967295; eight hexadecimal digits in file names. */
export type TimelineId = number & { readonly __timeline: unique symbol };

export function timelineId(value: number): TimelineId {
  if (!Number.isInteger(value) || value < 1 || value > 0xffff_ffff) {
    throw new Failure('value.invalid', { message: `not a timeline id: ${value}` });
  }
  return value as TimelineId;
}

/** `0000000A` to 10. Throws `value.invalid`. */
export function parseTimelineName(text: string): TimelineId {
  if (!/^[0-9A-F]{8}$/.test(text)) throw new Failure('value.invalid', { message: `"${text}" is not a timeline name` });
  return timelineId(Number.parseInt(text, 16));
}

export function timelineName(id: TimelineId): string {
  return id.toString(16).toUpperCase().padStart(8, '0');
}

export function historyFileName(id: TimelineId): string {
  return `${timelineName(id)}.history`;
}

/** One line of a history file: the history followed `timeline` up to `switchLsn` and left it there. */
interface TimelineSwitch {
  readonly timeline: TimelineId;
  readonly switchLsn: Lsn;
}

/** How a timeline came to be: its ancestors, oldest first. Timeline 1 has none. */
export interface TimelineHistory {
  readonly timeline: TimelineId;
  readonly ancestors: readonly TimelineSwitch[];
}

/**
 * Reads a `.history` file the way PostgreSQL does (src/backend/access/transam/timeline.c, readTimeLineHistory):
 * blank lines and `#` comments are skipped; a line is a decimal timeline id, white space, an LSN and anything after it.
 * Throws `postgres.format` where ids do not increase or a line has no LSN.
 */
export function parseTimelineHistory(timeline: TimelineId, text: string): TimelineHistory {
  const ancestors: TimelineSwitch[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^(\d+)\s+([0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})(?:\s|$)/.exec(line);
    const id = Number(match?.[1]);
    const previous = ancestors.at(-1)?.timeline ?? 0;
    if (!match?.[2] || id <= previous || id >= timeline) {
      throw new Failure('postgres.format', {
        message: `line ${index + 1} of ${historyFileName(timeline)} is not a timeline switch: "${line.slice(0, 80)}"`,
      });
    }
    ancestors.push({ timeline: timelineId(id), switchLsn: parseLsn(match[2]) });
  }
  if (timeline > 1 && ancestors.length === 0) {
    throw new Failure('postgres.format', { message: `${historyFileName(timeline)} names no parent timeline` });
  }
  return { timeline, ancestors };
}

/** The text that parseTimelineHistory reads; for tests and tools. */
export function formatTimelineHistory(history: TimelineHistory): string {
  return history.ancestors.map((s) => `${s.timeline}\t${formatLsn(s.switchLsn)}\tno reason\n`).join('');
}

/**
 * The timeline that holds `at` when following `history`: an ancestor before its switch, else the timeline itself.
 * A position exactly at a switch belongs to the newer timeline.
 */
export function timelineAt(history: TimelineHistory, at: Lsn): TimelineId {
  return history.ancestors.find((s) => at < s.switchLsn)?.timeline ?? history.timeline;
}
