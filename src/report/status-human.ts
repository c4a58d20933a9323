import { parseInstant } from '../domain/instant.ts';
import type {
  ConditionReport,
  RepositoryStatusReport,
  SiteStatusReport,
  StatusReport,
} from '../policy/generated/status-report.ts';
import { type Style, styleFor } from './style.ts';
import { counted, renderInstant, renderLength } from './words.ts';

/** The status for people: verdict first, then a block for each site with what is wrong before what is well. */
export function renderStatusHuman(status: StatusReport, options: { readonly color: boolean }): string {
  const style = styleFor(options.color);
  const lines = [style.bold(verdictOf(status.sites))];
  for (const site of status.sites) lines.push('', ...renderSite(site, style));
  return `${lines.join('\n')}\n`;
}

function verdictOf(sites: readonly SiteStatusReport[]): string {
  const count = (wanted: ConditionReport['status']): number =>
    sites.filter((site) => readyOf(site)?.status === wanted).length;
  const parts = [
    [count('False'), 'not ready'],
    [count('Unknown'), 'unknown'],
    [count('True'), 'ready'],
  ] as const;
  const named = parts.filter(([number]) => number > 0).map(([number, word]) => `${counted(number, 'site')} ${word}`);
  return named.length === 0 ? 'no site is declared' : named.join(', ');
}

const readyOf = (site: SiteStatusReport): ConditionReport | undefined =>
  site.conditions.find(({ type }) => type === 'Ready');

function renderSite(site: SiteStatusReport, style: Style): readonly string[] {
  const ready = readyOf(site);
  const mode = site.mode === 'enforce' ? '' : `  (mode ${site.mode})`;
  const facts = site.conditions.filter(({ type }) => type !== 'Ready');
  const calm = facts.filter((fact) => isWell(fact) && !WELL_WHEN_FALSE.has(fact.type));
  const well = calm.filter(({ reason }) => !NOT_ASKED_FOR.has(reason)).map(({ type }) => type);
  const notAskedFor = calm.filter(({ reason }) => NOT_ASKED_FOR.has(reason)).map(({ type }) => type);
  return [
    `${style.bold(site.name)}  ${renderReady(ready, style)}${mode}`,
    ...facts.filter((fact) => !isWell(fact)).map((fact) => renderProblem(fact, style)),
    ...(well.length === 0 ? [] : [style.dim(`  ✓ ${well.join(', ')}`)]),
    ...(notAskedFor.length === 0 ? [] : [style.dim(`  – not asked for: ${notAskedFor.join(', ')}`)]),
    ...site.repositories.flatMap((repository) => renderRepository(repository, style)),
    `  ${renderLoss(site)}`,
    `  last proof: ${renderProof(site)}`,
    ...site.notes.map((note) => `  ${style.yellow('!')} ${note}`),
    ...site.drift.map(({ kind, repository, reason }) => `  drift: ${kind} in "${repository}": ${reason}`),
  ];
}

/** These two say that something is going on, so they are well when they are False. */
const WELL_WHEN_FALSE: ReadonlySet<string> = new Set(['Reconciling', 'Stalled']);

/** Nothing is wrong, and nothing was shown either: a tick would claim a proof that nobody made. */
const NOT_ASKED_FOR: ReadonlySet<string> = new Set(['NotRequired', 'NoneDeclared']);

const isWell = ({ type, status }: ConditionReport): boolean =>
  status === (WELL_WHEN_FALSE.has(type) ? 'False' : 'True');

function renderReady(ready: ConditionReport | undefined, style: Style): string {
  if (ready?.status === 'True') return style.green('ready');
  return ready?.status === 'False' ? style.red('not ready') : style.yellow('unknown');
}

function renderProblem({ type, status, reason, message }: ConditionReport, style: Style): string {
  const paint = status === 'False' || type === 'Stalled' ? style.red : style.yellow;
  return `  ${paint('!')} ${type} ${status} (${reason}): ${message}`;
}

function renderRepository(repository: RepositoryStatusReport, style: Style): readonly string[] {
  const { name, state, reason, backups, recoveryWindow, gaps } = repository;
  if (state === 'unknown')
    return [`  ${style.yellow('!')} "${name}" could not be read: ${reason ?? 'no reason is known'}`];
  const windows = recoveryWindow.map((each) => {
    const times = `${renderInstant(parseInstant(each.fromTime))} to ${renderInstant(parseInstant(each.toTime))}`;
    return `    ${times} on timeline ${each.timeline} (${each.fromLsn} to ${each.toLsn})`;
  });
  return [
    `  "${name}": ${counted(backups ?? 0, 'restorable backup')}; recovery window:`,
    ...(windows.length === 0 ? [`    ${style.red('nothing can be restored')}`] : windows),
    ...gaps.map(({ firstSegment, lastSegment, count, backup }) => {
      const range = count === 1 ? firstSegment : `${firstSegment} to ${lastSegment}`;
      return `    ${style.red('gap')}: ${counted(count, 'segment')} missing, ${range}; backup ${backup} cannot be restored beyond`;
    }),
  ];
}

function renderLoss({ rpoSeconds, repositories }: SiteStatusReport): string {
  if (rpoSeconds === 0) return 'nothing would be lost if the cluster were gone now';
  const length = rpoSeconds === null ? undefined : renderLength(rpoSeconds * 1000);
  if (length !== undefined)
    return `what followed the last restorable WAL, stored ${length} ago, would be lost if the cluster were gone now`;
  const empty = repositories.every(({ state, recoveryWindow }) => state === 'known' && recoveryWindow.length === 0);
  return empty
    ? 'everything would be lost if the cluster were gone now'
    : 'how much would be lost if the cluster were gone now is unknown';
}

function renderProof({ lastProof }: SiteStatusReport): string {
  if (lastProof === null) return 'no proof of a restore is known';
  const { at, backup, repository, durationSeconds } = lastProof;
  return `${renderInstant(parseInstant(at))}, backup ${backup} from "${repository}" in ${counted(Math.round(durationSeconds), 'second')}`;
}
