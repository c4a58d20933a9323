import type { RepositoryName, SiteName } from '../domain/desired.ts';
import { formatInstant, type Instant } from '../domain/instant.ts';
import { formatLsn, type Lsn } from '../domain/lsn.ts';
import type { TimelineId } from '../domain/timeline.ts';
import type { WalReport, WalRepositoryReport } from '../policy/generated/wal-report.ts';

/** What a repository holds of a site's WAL; or why that is not known. */
export type WalView = { readonly site: SiteName; readonly repository: RepositoryName } & (
  | { readonly kind: 'known'; readonly timelines: readonly TimelineView[]; readonly otherFiles: readonly string[] }
  | { readonly kind: 'unknown'; readonly reason: string }
);

interface TimelineView {
  readonly timeline: TimelineId;
  readonly history: unknown;
  readonly ranges: readonly RangeView[];
  readonly gaps: readonly MissingView[];
  readonly conflicts: readonly string[];
}

interface MissingView {
  readonly firstName: string;
  readonly lastName: string;
  readonly segments: number;
}

interface RangeView extends MissingView {
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
  readonly storedBytes: number;
  readonly storedAt: Instant;
}

/** The document of schema/wal.schema.json. */
export function renderWalDocument(views: readonly WalView[]): WalReport {
  return { formatVersion: '1.0', repositories: views.map(repositoryReport) };
}

function repositoryReport(view: WalView): WalRepositoryReport {
  const { site, repository } = view;
  const nothing = { ranges: [], gaps: [], conflicts: [], histories: [], otherFiles: [] };
  if (view.kind === 'unknown') return { site, repository, state: 'unknown', reason: view.reason, ...nothing };
  const { timelines } = view;
  return {
    site,
    repository,
    state: 'known',
    reason: null,
    ranges: timelines.flatMap(({ timeline, ranges }) =>
      ranges.map((range) => ({
        timeline,
        ...missingReport(range),
        fromLsn: formatLsn(range.fromLsn),
        toLsn: formatLsn(range.toLsn),
        bytes: range.storedBytes,
        storedAt: formatInstant(range.storedAt),
      })),
    ),
    gaps: timelines.flatMap(({ timeline, gaps }) => gaps.map((gap) => ({ timeline, ...missingReport(gap) }))),
    conflicts: timelines.flatMap(({ conflicts }) => conflicts),
    histories: timelines.flatMap(({ timeline, history }) => (history === undefined ? [] : [timeline])),
    otherFiles: [...view.otherFiles],
  };
}

const missingReport = ({ firstName, lastName, segments }: MissingView) => ({
  firstSegment: firstName,
  lastSegment: lastName,
  count: segments,
});
