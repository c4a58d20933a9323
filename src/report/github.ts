import type { Diagnostic } from '../policy/diagnostic.ts';

/** Workflow commands of GitHub Actions: each becomes an annotation in the changed file. */
export function renderGithub(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map(renderCommand).join('');
}

function renderCommand({ severity, file, line, column, endLine, endColumn, code, message, hint }: Diagnostic): string {
  // The end counts inclusively there, and only within one line.
  const end = endLine === line && endColumn > column ? `,endLine=${endLine},endColumn=${endColumn - 1}` : '';
  const text = hint === undefined ? message : `${message}\n${hint}`;
  return `::${severity} file=${property(file)},line=${line},col=${column}${end},title=${property(`hoard ${code}`)}::${data(text)}\n`;
}

// The runner's own escapes (actions/toolkit, packages/core/src/command.ts).
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
