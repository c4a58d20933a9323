import { renderBytes } from '../domain/bytes.ts';
import { unreachable } from '../domain/failure.ts';
import type { Plan, PlannedAction, PlannedWork } from '../domain/plan.ts';
import { counted } from './words.ts';

/** `+` adds, `-` removes, `~` tidies up what nothing refers to, `!` is stopped by a guard. */
export function symbolOf(action: PlannedAction): '+' | '-' | '~' | '!' {
  if (action.blockedBy.length > 0) return '!';
  if (action.work.kind === 'orphan.remove') return '~';
  return action.risk === 'destructive' ? '-' : '+';
}

/** `take a backup into "main" (about 25 MiB)`. */
export function describeAction(action: PlannedAction): string {
  return `${describeWork(action)}${describeCost(action)}`;
}

function describeWork({ work, target, repository }: PlannedAction): string {
  switch (work.kind) {
    case 'backup.take':
      return `take a backup into "${repository}"`;
    case 'backup.prune':
      return `prune backup ${work.backup} from "${repository}"`;
    case 'wal.archive':
      return `archive ${counted(work.files.length, 'WAL file')} into "${repository}"`;
    case 'wal.prune':
      return `prune WAL ${target} from "${repository}"`;
    case 'orphan.remove':
      return `remove ${counted(work.packs.length + work.keys.length, 'unreferenced object')} from "${repository}"`;
    default:
      return unreachable(work);
  }
}

function describeCost({ risk, estimate }: PlannedAction): string {
  if (estimate.bytes === 0) return '';
  return risk === 'destructive' ? ` (frees ${renderBytes(estimate.bytes)})` : ` (about ${renderBytes(estimate.bytes)})`;
}

/** What is to be done, counted by kind: `1 backup to take, 14 backups to prune (frees 9.1 GiB)`; empty for no actions. */
export function summariseActions(actions: readonly PlannedAction[]): string {
  const texts = ORDER.flatMap(({ kind, text }) => {
    const own = actions.filter(({ work }) => work.kind === kind);
    return own.length === 0 ? [] : [text(own)];
  });
  return texts.join(', ');
}

const ORDER: readonly {
  readonly kind: PlannedWork['kind'];
  readonly text: (own: readonly PlannedAction[]) => string;
}[] = [
  { kind: 'backup.take', text: (own) => `${counted(own.length, 'backup')} to take${sum('about', own)}` },
  { kind: 'wal.archive', text: (own) => `${counted(walFiles(own), 'WAL file')} to archive${sum('about', own)}` },
  { kind: 'backup.prune', text: (own) => `${counted(own.length, 'backup')} to prune${sum('frees', own)}` },
  { kind: 'wal.prune', text: (own) => `${counted(own.length, 'WAL range')} to prune${sum('frees', own)}` },
  { kind: 'orphan.remove', text: (own) => `${counted(own.length, 'clean-up')} of leftovers${sum('frees', own)}` },
];

const walFiles = (actions: readonly PlannedAction[]): number =>
  actions.reduce((total, { work }) => total + (work.kind === 'wal.archive' ? work.files.length : 0), 0);

function sum(word: string, actions: readonly PlannedAction[]): string {
  const bytes = actions.reduce((total, { estimate }) => total + estimate.bytes, 0);
  return bytes === 0 ? '' : ` (${word} ${renderBytes(bytes)})`;
}

export interface Verdict {
  /** Sites that have actions, can run or not. */
  readonly needWork: number;
  readonly converged: number;
  /** Sites with nothing to do as far as could be seen, but something could not be observed. */
  readonly unclear: number;
  readonly blocked: readonly PlannedAction[];
  readonly text: string;
}

/** The first line of every form of a plan. */
export function verdictOf(plan: Plan): Verdict {
  const busy = new Set(plan.actions.map(({ site }) => site));
  const needWork = plan.sites.filter(({ name }) => busy.has(name)).length;
  const converged = plan.sites.filter(({ name, converged: is }) => is && !busy.has(name)).length;
  const unclear = plan.sites.length - needWork - converged;
  const blocked = plan.actions.filter(({ blockedBy }) => blockedBy.length > 0);
  const parts: string[] = [];
  if (needWork > 0) parts.push(`${counted(needWork, 'site')} ${needWork === 1 ? 'needs' : 'need'} work`);
  if (unclear > 0) parts.push(`${counted(unclear, 'site')} could not be observed`);
  if (converged > 0) parts.push(`${counted(converged, 'site')} converged`);
  if (parts.length === 0) parts.push('no site is declared');
  const actions = summariseActions(plan.actions);
  return { needWork, converged, unclear, blocked, text: parts.join(', ') + (actions === '' ? '' : `: ${actions}`) };
}
