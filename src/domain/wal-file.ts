import { Failure } from './failure.ts';
import { parseTimelineName, type TimelineId } from './timeline.ts';

/**
 * The files that PostgreSQL hands to archive_command or asks for in restore_command
 * (PostgreSQL documentation, "Continuous Archiving"): segments, the unfinished segment of a promoted standby,
 * backup history files, timeline history files. The name alone decides; the segment size is not needed.
 */
export type WalFile =
  | { readonly kind: 'segment'; readonly name: string; readonly timeline: TimelineId; readonly log: string }
  | { readonly kind: 'partial'; readonly name: string; readonly timeline: TimelineId; readonly log: string }
  | { readonly kind: 'backup-label'; readonly name: string; readonly timeline: TimelineId; readonly log: string }
  | { readonly kind: 'history'; readonly name: string; readonly timeline: TimelineId };

/** `undefined` where the name is none of PostgreSQL's: such a file is refused, never silently accepted. */
export function recogniseWalFile(name: string): WalFile | undefined {
  const match = /^([0-9A-F]{8})(?:(?:([0-9A-F]{8})[0-9A-F]{8}(\.partial|\.[0-9A-F]{8}\.backup)?)|(\.history))$/.exec(
    name,
  );
  if (!match?.[1] || match[1] === '00000000') return undefined;
  const timeline = parseTimelineName(match[1]);
  if (match[4] !== undefined) return { kind: 'history', name, timeline };
  const log = match[2] ?? '';
  if (match[3] === undefined) return { kind: 'segment', name, timeline, log };
  return { kind: match[3] === '.partial' ? 'partial' : 'backup-label', name, timeline, log };
}

/** As recogniseWalFile, but throws `value.invalid`. */
export function parseWalFileName(name: string): WalFile {
  const file = recogniseWalFile(name);
  if (file) return file;
  throw new Failure('value.invalid', {
    message: `"${name}" is not the name of a WAL file`,
    hint: 'archive_command must pass %p or %f, restore_command %f',
  });
}
