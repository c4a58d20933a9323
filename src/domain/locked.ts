import type { RepositoryContext } from './diff-context.ts';
import { formatInstant, type Instant, instant } from './instant.ts';

/** Until when the store keeps an object that was stored then, whatever is asked of it (object lock); undefined where it may go. */
export function lockedUntil({ repository, now }: RepositoryContext, storedAt: Instant): Instant | undefined {
  if (repository.lockedFor === undefined) return undefined;
  const until = instant(storedAt + repository.lockedFor);
  return until > now ? until : undefined;
}

/** What would go if the store let it, as one sentence; none where nothing is locked. */
export function lockedFinding({ name }: RepositoryContext, what: string, until: readonly Instant[]): readonly string[] {
  const [first, ...rest] = [...until].sort((a, b) => a - b);
  if (first === undefined) return [];
  const last = rest.at(-1) ?? first;
  const when = last === first ? formatInstant(first) : `${formatInstant(first)} to ${formatInstant(last)}`;
  return [`in repository "${name}" no rule keeps ${what} locked until ${when}: removed when the lock has ended`];
}
