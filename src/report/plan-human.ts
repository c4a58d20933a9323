import type { RepositoryName } from '../domain/desired.ts';
import type { Plan, PlannedAction, PlannedSite } from '../domain/plan.ts';
import type { RecoveryInterval } from '../domain/recovery-window.ts';
import { describeAction, symbolOf, verdictOf } from './plan-words.ts';
import { type Style, styleFor } from './style.ts';
import { counted, renderInterval } from './words.ts';

export interface PlanTextOptions {
  readonly color: boolean;
  /** For the line that says what to run next: how hoard was called, up to the command, and where the plan was saved. Absent: no such line. */
  readonly next: { readonly command: string; readonly savedAs: string | undefined } | undefined;
}

/** The plan for people: verdict, what blocks, a block for each site, and the next command. */
export function renderPlanHuman(plan: Plan, options: PlanTextOptions): string {
  const style = styleFor(options.color);
  const verdict = verdictOf(plan);
  const lines = [style.bold(verdict.text)];
  if (verdict.blocked.length > 0) {
    const count = verdict.blocked.length;
    lines.push(
      style.yellow(`${counted(count, 'action')} ${count === 1 ? 'is' : 'are'} blocked; each ! below says why`),
    );
  }
  const bySite = Map.groupBy(plan.actions, ({ site }) => site);
  for (const site of plan.sites) lines.push('', ...renderSite(site, bySite.get(site.name) ?? [], style));
  if (options.next) lines.push('', `next: ${nextCommand(plan, options.next)}`);
  return `${lines.join('\n')}\n`;
}

/** What a person would run after having read the plan. */
function nextCommand(plan: Plan, { command, savedAs }: NonNullable<PlanTextOptions['next']>): string {
  const runnable = plan.actions.some(({ blockedBy }) => blockedBy.every(({ code }) => code === 'needs-approval'));
  if (runnable) return savedAs === undefined ? `${command} apply` : `${command} apply ${savedAs}`;
  return `${command} status`;
}

function renderSite(site: PlannedSite, actions: readonly PlannedAction[], style: Style): readonly string[] {
  const state = actions.length > 0 ? 'needs work' : site.converged ? 'converged' : 'could not be observed';
  const paint = actions.length > 0 || !site.converged ? style.yellow : style.green;
  return [
    `${style.bold(site.name)}  ${paint(state)}`,
    ...actions.flatMap((action) => renderAction(action, style)),
    ...site.findings.map((finding) => `  ${style.yellow('!')} ${finding}`),
    ...renderWindows(site, actions, style),
  ];
}

function renderAction(action: PlannedAction, style: Style): readonly string[] {
  const symbol = symbolOf(action);
  const paint = { '+': style.green, '-': style.red, '~': style.dim, '!': style.yellow }[symbol];
  return [
    `  ${paint(symbol)} ${describeAction(action)}: ${action.reason}`,
    ...action.blockedBy.map(({ message }) => `      blocked: ${message}`),
  ];
}

/** The recovery window of each repository, and what it will be where the actions change it. */
function renderWindows(site: PlannedSite, actions: readonly PlannedAction[], style: Style): readonly string[] {
  return [...site.recoveryWindow.before].flatMap(([repository, before]) => {
    const after = site.recoveryWindow.after.get(repository) ?? before;
    const lines = [`  recovery window of "${repository}": ${renderWindow(before)}`];
    if (!sameWindow(before, after)) lines.push(`    after the actions: ${renderWindow(after)}`);
    if (takesBackup(actions, repository)) lines.push('    the new backup adds to it once its WAL is archived');
    return lines.map(style.dim);
  });
}

const takesBackup = (actions: readonly PlannedAction[], repository: RepositoryName): boolean =>
  actions.some(
    ({ work, repository: own, blockedBy }) =>
      work.kind === 'backup.take' && own === repository && blockedBy.length === 0,
  );

function renderWindow(intervals: readonly RecoveryInterval[]): string {
  return intervals.length === 0 ? 'nothing can be restored' : intervals.map(renderInterval).join('; ');
}

function sameWindow(a: readonly RecoveryInterval[], b: readonly RecoveryInterval[]): boolean {
  return (
    a.length === b.length &&
    a.every((x, index) => {
      const y = b[index];
      return y !== undefined && x.timeline === y.timeline && x.fromLsn === y.fromLsn && x.toLsn === y.toLsn;
    })
  );
}
