import type { Plan, PlannedAction, PlannedSite } from '../domain/plan.ts';
import { describeAction, summariseActions, symbolOf, verdictOf } from './plan-words.ts';
import { counted, renderInterval } from './words.ts';

// GitHub refuses comments above 65,536 characters; the rest is left to whatever a workflow puts around the report.
const BUDGET_BYTES = 60_000;

/** How much is shown, most first: each step is tried until the text fits. */
const STEPS = [
  { cut: undefined, windows: true, converged: true, actions: 'all' },
  { cut: 'the recovery windows', windows: false, converged: true, actions: 'all' },
  { cut: 'the recovery windows and the converged sites', windows: false, converged: false, actions: 'all' },
  { cut: 'all but the removals', windows: false, converged: false, actions: 'destructive' },
  { cut: 'all but the counts of each site', windows: false, converged: false, actions: 'none' },
] as const;
type Detail = (typeof STEPS)[number];

/**
 * The plan as a comment on a change: a hidden line by which a workflow finds its earlier comment, the verdict, and each site, removals always
 * expanded. Where that would be longer than the budget, it is cut step by step and says what was left out.
 */
export function renderPlanMarkdown(
  plan: Plan,
  options: { readonly marker: string; readonly budgetBytes?: number },
): string {
  const budget = options.budgetBytes ?? BUDGET_BYTES;
  const head = `<!-- hoard plan ${options.marker.replaceAll('-->', '')} -->\n\n**${escape(verdictOf(plan).text)}**\n`;
  const bySite = Map.groupBy(plan.actions, ({ site }) => site);
  const sites = plan.sites.map((site) => ({ site, actions: bySite.get(site.name) ?? [] }));
  for (const detail of STEPS) {
    const text = [head, ...cutNote(detail.cut), ...renderSites(sites, detail)].join('\n');
    if (new TextEncoder().encode(text).length <= budget) return text;
  }
  return [head, ...cutNote('all but the verdict')].join('\n');
}

function cutNote(cut: string | undefined): readonly string[] {
  return cut === undefined ? [] : [`_Too long for a comment: ${cut} left out. \`hoard plan\` shows everything._\n`];
}

interface SiteActions {
  readonly site: PlannedSite;
  readonly actions: readonly PlannedAction[];
}

function renderSites(sites: readonly SiteActions[], detail: Detail): readonly string[] {
  const isQuiet = ({ site, actions }: SiteActions): boolean =>
    site.converged && site.findings.length === 0 && actions.length === 0;
  const lines = sites.filter((each) => !isQuiet(each)).flatMap((each) => renderSite(each, detail));
  const quiet = sites.filter(isQuiet);
  if (detail.converged && quiet.length > 0) {
    const body = quiet.flatMap(({ site }) => [
      `- \`${site.name}\``,
      ...windowLines(site, detail).map((line) => `  ${line}`),
    ]);
    lines.push(...collapsed(`${counted(quiet.length, 'site')} converged`, body));
  }
  return lines;
}

function renderSite({ site, actions }: SiteActions, detail: Detail): readonly string[] {
  const heading = `### ${site.name}`;
  if (detail.actions === 'none') return [heading, '', escape(summariseActions(actions) || 'nothing to do'), ''];
  const destructive = actions.filter(({ risk }) => risk === 'destructive');
  if (detail.actions === 'destructive' && destructive.length === 0) return [];
  const rest = detail.actions === 'all' ? actions.filter(({ risk }) => risk !== 'destructive') : [];
  const notes = detail.actions === 'all' ? site.findings.map((finding) => `- ⚠️ ${escape(finding)}`) : [];
  return [
    heading,
    '',
    ...(destructive.length === 0 ? [] : [...actionTable(destructive), '']),
    ...(rest.length === 0 ? [] : collapsed(escape(summariseActions(rest)), actionTable(rest))),
    ...(notes.length === 0 ? [] : [...notes, '']),
    ...collapsed('recovery window', windowLines(site, detail)),
  ];
}

function actionTable(actions: readonly PlannedAction[]): readonly string[] {
  return [
    '| | action | reason |',
    '| --- | --- | --- |',
    ...actions.map((action) => {
      const blocked = action.blockedBy.map(({ message }) => `<br>**blocked:** ${escape(message)}`).join('');
      return `| \`${symbolOf(action)}\` | ${escape(describeAction(action))} | ${escape(action.reason)}${blocked} |`;
    }),
  ];
}

function windowLines(site: PlannedSite, detail: Detail): readonly string[] {
  if (!detail.windows) return [];
  return [...site.recoveryWindow.before].flatMap(([repository, intervals]) =>
    intervals.length === 0
      ? [`- \`${repository}\`: nothing can be restored`]
      : intervals.map((interval) => `- \`${repository}\`: ${renderInterval(interval)}`),
  );
}

function collapsed(summary: string, body: readonly string[]): readonly string[] {
  return body.length === 0 ? [] : [`<details><summary>${summary}</summary>`, '', ...body, '', '</details>', ''];
}

/** What would break a table row or start markup; paths and messages of other programs may hold anything. */
function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('|', '\\|')
    .replaceAll('`', '\\`')
    .replaceAll('*', '\\*')
    .replaceAll(/\s*\n\s*/g, ' ');
}
