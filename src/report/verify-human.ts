import { bytesOf, renderBytes } from '../domain/bytes.ts';
import { unreachable } from '../domain/failure.ts';
import type { VerifyReport } from '../policy/generated/verify-report.ts';
import { styleFor } from './style.ts';
import { counted } from './words.ts';

type Verified = VerifyReport['repositories'][number];

/** Each repository that holds the backup; its verdict first, then what was looked at, then everything that was found. */
export function renderVerifyHuman(report: VerifyReport, options: { readonly color: boolean }): string {
  const style = styleFor(options.color);
  const blocks = report.repositories.map((each) => {
    const sign =
      each.state === 'whole' ? style.green('✓') : each.state === 'damaged' ? style.red('✗') : style.yellow('!');
    const lines = [
      `${sign} ${style.bold(`${each.site}, repository "${each.repository}": ${verdictOf(each)}`)}`,
      ...(each.problem === null ? lookedAt(each).map((line) => `  ${line}`) : [`  ${each.problem}`]),
      ...each.findings.map(({ kind, message, code }) => {
        const mark = kind === 'damaged' ? style.red('✗') : style.yellow('!');
        return `  ${mark} ${message} [${code}]`;
      }),
      ...(each.findingsLeftOut === 0 ? [] : [`  and ${each.findingsLeftOut} more`]),
      ...each.notes.map((note) => style.dim(`  ${note}`)),
    ];
    return lines.join('\n');
  });
  return `${[style.bold(`backup ${report.backup}`), ...blocks].join('\n')}\n`;
}

function verdictOf({ state, content, encrypted }: Verified): string {
  switch (state) {
    case 'damaged':
      return 'damaged';
    case 'unverifiable':
      return 'not all of it can be verified';
    case 'unreadable':
      return 'could not be read to its end';
    case 'whole':
      if (content === 'opened') return 'whole';
      return content === 'no-private-key'
        ? 'stored bytes verified; the content was not opened: no private key is declared here'
        : `stored bytes verified; the content was not opened, as asked${encrypted === true ? ' (it is encrypted)' : ''}`;
    default:
      return unreachable(state);
  }
}

function lookedAt({ stored, opened, wal, content }: Verified): readonly string[] {
  const bytes = (count: number): string => renderBytes(bytesOf(count));
  return [
    `stored: ${counted(stored.objects, 'object')} (${bytes(stored.bytes)}) with the SHA-256 that is kept of them`,
    ...(content === 'opened' || opened.chunks > 0
      ? [
          `content: ${counted(opened.files, 'file')}, ${counted(opened.chunks, 'chunk')} (${bytes(opened.bytes)}) opened`,
        ]
      : []),
    wal.needed === 0
      ? 'WAL: none beside the files'
      : `WAL: ${wal.there} of ${counted(wal.needed, 'file')} there, ${wal.verified} verified, ${wal.opened} opened`,
  ];
}
