import type { CheckReport } from '../policy/generated/check-report.ts';
import { styleFor } from './style.ts';
import { counted } from './words.ts';

type Checked = CheckReport['checked'][number];

/** Each repository and connection with what was tried on it; verdict first. */
export function renderCheckHuman({ checked }: CheckReport, options: { readonly color: boolean }): string {
  const style = styleFor(options.color);
  const signs = { ok: style.green('✓'), warning: style.yellow('!'), failed: style.red('✗') };
  const blocks = checked.map(({ kind, name, where, steps }) => {
    const heading = style.bold(kind === 'repository' ? `repository "${name}": ${where}` : `site "${name}": ${where}`);
    const lines = steps.flatMap((step) => [
      `  ${signs[step.state]} ${step.message}${step.code === null ? '' : ` [${step.code}]`}`,
      ...(step.hint === null ? [] : [style.dim(`    hint: ${step.hint}`)]),
    ]);
    return [heading, ...lines].join('\n');
  });
  return `${[verdict(checked), ...blocks].join('\n\n')}\n`;
}

function verdict(checked: readonly Checked[]): string {
  const steps = checked.flatMap((each) => each.steps);
  const failures = steps.filter(({ state }) => state === 'failed').length;
  const warnings = steps.filter(({ state }) => state === 'warning').length;
  const repositories = checked.filter(({ kind }) => kind === 'repository').length;
  const looked = `${counted(repositories, 'repository', 'repositories')} and ${counted(checked.length - repositories, 'connection')}`;
  const found = [
    ...(failures === 0 ? [] : [counted(failures, 'failure')]),
    ...(warnings === 0 ? [] : [counted(warnings, 'warning')]),
  ];
  return `${looked} checked: ${found.length === 0 ? 'all is well' : found.join(', ')}`;
}
