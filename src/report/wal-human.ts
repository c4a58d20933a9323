import { renderBytes } from '../domain/bytes.ts';
import { type Instant, parseInstant } from '../domain/instant.ts';
import type { WalReport, WalRepositoryReport } from '../policy/generated/wal-report.ts';
import { type Style, styleFor } from './style.ts';
import { renderTable } from './table.ts';
import { counted, renderAge } from './words.ts';

/** Ranges without a break, what is missing between them, and what counts as missing. */
export function renderWalHuman(report: WalReport, options: { readonly color: boolean; readonly now: Instant }): string {
  const style = styleFor(options.color);
  const blocks = report.repositories.map((repository) => renderRepository(repository, style, options.now).join('\n'));
  return blocks.length === 0 ? 'no site is declared\n' : `${blocks.join('\n\n')}\n`;
}

function renderRepository(repository: WalRepositoryReport, style: Style, now: Instant): readonly string[] {
  const heading = style.bold(`${repository.site} in "${repository.repository}"`);
  if (repository.state === 'unknown')
    return [heading, `  ${style.yellow('!')} could not be read: ${repository.reason ?? ''}`];
  const rows = repository.ranges.map((range) => [
    `  ${range.firstSegment} to ${range.lastSegment}`,
    counted(range.count, 'segment'),
    `${range.fromLsn} to ${range.toLsn}`,
    renderBytes(range.bytes),
    `last ${renderAge(parseInstant(range.storedAt), now)}`,
  ]);
  const gaps = repository.gaps.map(({ firstSegment, lastSegment, count }) => {
    const range = count === 1 ? firstSegment : `${firstSegment} to ${lastSegment}`;
    return `  ${style.red('!')} ${counted(count, 'segment')} missing: ${range}`;
  });
  const conflicts = repository.conflicts.map(
    (name) => `  ${style.red('!')} ${name} is stored with two contents and counts as missing`,
  );
  const histories =
    repository.histories.length === 0 ? [] : [`  histories of timelines ${repository.histories.join(', ')}`];
  const others = repository.otherFiles.length === 0 ? [] : [`  ${counted(repository.otherFiles.length, 'other file')}`];
  return [
    heading,
    ...(rows.length === 0 ? ['  no WAL'] : renderTable(rows)),
    ...gaps,
    ...conflicts,
    ...histories,
    ...others,
  ];
}
