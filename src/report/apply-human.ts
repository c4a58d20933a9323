import { unreachable } from '../domain/failure.ts';
import type { ActionOutcome, ExecutedAction } from '../domain/outcome.ts';
import { describeAction } from './plan-words.ts';
import { type Style, styleFor } from './style.ts';
import { counted } from './words.ts';

/** What `apply` or `backup take` did. */
export interface ApplyView {
  readonly executed: readonly ExecutedAction[];
  /** Said beside the actions. */
  readonly notes: readonly string[];
  /** What could not be observed: with any, nobody knows that there was nothing to do. */
  readonly unobserved: readonly string[];
}

/** Verdict first, then one line an action. */
export function renderApplyHuman(view: ApplyView, options: { readonly color: boolean }): string {
  const style = styleFor(options.color);
  const lines = [style.bold(applyVerdict(view))];
  for (const each of view.executed) lines.push(...renderExecuted(each, style));
  for (const note of [...view.notes, ...view.unobserved]) lines.push(`  ${style.yellow('!')} ${note}`);
  return `${lines.join('\n')}\n`;
}

const WORDS: readonly (readonly [kind: ActionOutcome['kind'], text: string])[] = [
  ['done', 'done'],
  ['failed', 'failed'],
  ['refused', 'not approved'],
  ['blocked', 'blocked'],
  ['skipped', 'skipped'],
  ['changed', 'changed meanwhile'],
  ['vanished', 'no longer needed'],
];

function applyVerdict({ executed, unobserved }: ApplyView): string {
  if (executed.length === 0) return unobserved.length === 0 ? 'nothing to do' : 'nothing was done';
  const counts = WORDS.flatMap(([kind, text]) => {
    const count = executed.filter(({ outcome }) => outcome.kind === kind).length;
    return count === 0 ? [] : [`${count} ${text}`];
  });
  return `${counted(executed.length, 'action')}: ${counts.join(', ')}`;
}

function renderExecuted({ action, outcome }: ExecutedAction, style: Style): readonly string[] {
  const line = (symbol: string, text: string): string =>
    `  ${symbol} ${action.site}: ${describeAction(action)}: ${text}`;
  switch (outcome.kind) {
    case 'done':
      return [line(style.green('✓'), outcome.summary)];
    case 'failed': {
      const { message, code, hint } = outcome.failure;
      return [line(style.red('✗'), `${message} [${code}]`), ...(hint === undefined ? [] : [`      hint: ${hint}`])];
    }
    case 'blocked':
      return [line(style.yellow('!'), 'blocked'), ...action.blockedBy.map(({ message }) => `      ${message}`)];
    case 'refused':
    case 'skipped':
    case 'changed':
    case 'vanished':
      return [line(style.yellow('!'), outcome.because)];
    default:
      return unreachable(outcome);
  }
}
