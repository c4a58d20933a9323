import { describe, expect, it } from 'vitest';
import { instant } from '../../../src/domain/instant.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { renderPlanHuman } from '../../../src/report/plan-human.ts';
import { renderPlanDocument } from '../../../src/report/plan-json.ts';
import { renderPlanMarkdown } from '../../../src/report/plan-markdown.ts';
import { plannedAction } from '../../support/planned-action.ts';
import { convergedPlan, plannedSite, samplePlan } from '../../support/sample-plan.ts';
import { reportErrors } from '../../support/validate-report.ts';

const PLAIN = { color: false, next: { command: 'hoard -f fleet', savedAs: undefined } };

describe('renderPlanHuman', () => {
  it('starts with the verdict, says what blocks, and ends with the next command', async () => {
    await expect(renderPlanHuman(samplePlan(), PLAIN)).toMatchFileSnapshot('golden/plan.txt');
  });

  it('has no news in a converged fleet', async () => {
    await expect(renderPlanHuman(convergedPlan(), PLAIN)).toMatchFileSnapshot('golden/plan-converged.txt');
  });

  it('names the saved plan in the next command', () => {
    expect(
      renderPlanHuman(samplePlan(), { color: false, next: { command: 'hoard -f fleet', savedAs: 'plan.json' } }),
    ).toMatch(/\nnext: hoard -f fleet apply plan\.json\n$/);
  });

  it('colours only where it is told to, and says the same', () => {
    const coloured = renderPlanHuman(samplePlan(), { ...PLAIN, color: true });
    expect(coloured).toContain('\u001b[');
    // oxlint-disable-next-line no-control-regex -- escape sequences are the subject here
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(renderPlanHuman(samplePlan(), PLAIN));
  });
});

describe('renderPlanDocument', () => {
  const options = { notAfter: instant(1_800_000_000_000), hoardVersion: '0.1.0', digestOf: () => 'd'.repeat(64) };

  it('is the document of the published schema, with the names of the contract', async () => {
    const document = renderPlanDocument(samplePlan(), options);
    expect(reportErrors('plan', document)).toEqual([]);
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('golden/plan.json.txt');
  });

  it('is valid with nothing to do', () => {
    const document = renderPlanDocument(convergedPlan(), options);
    expect(reportErrors('plan', document)).toEqual([]);
    expect(document.summary).toEqual({ actions: 0, additive: 0, destructive: 0, blocked: 0, bytes: 0, requests: 0 });
  });
});

describe('renderPlanMarkdown', () => {
  const marker = 'policies/eu1';

  it('shows removals expanded and the rest folded, and escapes foreign text', async () => {
    await expect(renderPlanMarkdown(samplePlan(), { marker })).toMatchFileSnapshot('golden/plan.md.txt');
  });

  it('starts with a hidden line that nothing in the marker can close', () => {
    const [first] = renderPlanMarkdown(convergedPlan(), { marker: 'x --> <script>' }).split('\n');
    expect(first).toBe('<!-- hoard plan x  <script> -->');
  });

  const large = (sites: number, actions: number): Plan => ({
    ...samplePlan(),
    sites: Array.from({ length: sites }, (_, index) => plannedSite(`site-${index}`)),
    actions: Array.from({ length: actions }, (_, index) =>
      plannedAction({
        id: `${index}`,
        site: `site-${index % sites}`,
        risk: index % 5 === 0 ? 'destructive' : 'additive',
      }),
    ),
  });

  it.each([
    ['the recovery windows', large(600, 100)],
    ['the recovery windows and the converged sites', large(3000, 100)],
    ['all but the removals', large(30, 1500)],
    ['all but the counts of each site', large(100, 8000)],
    ['all but the verdict', large(9000, 9000)],
  ])('stays below 60,000 bytes by leaving out %s', (cut, plan) => {
    const text = renderPlanMarkdown(plan, { marker });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(60_000);
    expect(text).toContain(`${cut} left out`);
    expect(text).toContain('need work');
  });

  it('never leaves an action unmentioned: all are shown, or the text says what was left out', () => {
    for (const budgetBytes of [500, 1000, 1500, 2000, 3000, 5000]) {
      const text = renderPlanMarkdown(samplePlan(), { marker, budgetBytes });
      const complete = samplePlan().actions.every(({ reason }) => text.includes(reason));
      expect(complete || text.includes('left out')).toBe(true);
    }
  });
});
