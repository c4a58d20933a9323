import { formatInstant, type Instant } from '../domain/instant.ts';
import { formatLsn, type Lsn } from '../domain/lsn.ts';
import type { RecoveryInterval } from '../domain/recovery-window.ts';

/** `1 backup`, `2 backups`; `plural` for words that do not just take an s. */
export function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}

/** `2026-11-22 09:14:03Z`: to the second, for people. */
export function renderInstant(at: Instant): string {
  return `${formatInstant(at).slice(0, 19).replace('T', ' ')}Z`;
}

/** `just now`, `3 minutes ago`, `26 hours ago`, `12 days ago`; `in 3 minutes` for what lies ahead. */
export function renderAge(at: Instant, now: Instant): string {
  const length = renderLength(Math.abs(now - at));
  if (length === undefined) return 'just now';
  return at > now ? `in ${length}` : `${length} ago`;
}

/** `45 seconds`, `3 minutes`, `26 hours`, `12 days`; undefined below a second. */
export function renderLength(milliseconds: number): string | undefined {
  if (milliseconds < 1000) return undefined;
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 120) return counted(seconds, 'second');
  if (seconds < 7200) return counted(Math.floor(seconds / 60), 'minute');
  if (seconds < 172_800) return counted(Math.floor(seconds / 3600), 'hour');
  return counted(Math.floor(seconds / 86_400), 'day');
}

/** Where an interval reaches, in times and positions. */
export function renderInterval(interval: RecoveryInterval): string {
  const times = `${renderInstant(interval.fromTime)} to ${renderInstant(interval.toTime)}`;
  return `${times} on timeline ${interval.timeline} (${renderLsns(interval.fromLsn, interval.toLsn)})`;
}

const renderLsns = (from: Lsn, to: Lsn): string => `${formatLsn(from)} to ${formatLsn(to)}`;
