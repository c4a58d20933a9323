import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/domain/failure.ts';
import type { ActionOutcome } from '../../../src/domain/outcome.ts';
import type { PlannedAction } from '../../../src/domain/plan.ts';
import { walkActions } from '../../../src/reconcile/walk-actions.ts';
import { plannedAction } from '../../support/planned-action.ts';

const action = (id: string, repository: string, dependsOn: readonly string[] = []): PlannedAction =>
  plannedAction({ id, repository, dependsOn });
const done: ActionOutcome = { kind: 'done', summary: 'done' };
const failed: ActionOutcome = { kind: 'failed', failure: new Failure('backup.failed', { message: 'no' }) };
const groupOf = (each: PlannedAction): string => each.repository;
const verdictOn = (): undefined => undefined;
const leaveGroup = async (): Promise<void> => undefined;

describe('walkActions', () => {
  it('skips what waits for a failed action, and goes on with the rest of the group', async () => {
    const ran: string[] = [];
    const results = await walkActions({
      actions: [action('a', 'main'), action('b', 'main', ['a']), action('c', 'main'), action('d', 'offsite', ['b'])],
      concurrency: 2,
      groupOf,
      verdictOn,
      leaveGroup,
      run: async ({ id }) => {
        ran.push(id);
        return id === 'a' ? failed : done;
      },
    });
    expect(ran).toEqual(['a', 'c']);
    expect(results.map(({ outcome }) => outcome.kind)).toEqual(['failed', 'skipped', 'done', 'skipped']);
  });

  it('runs what waits for an action whose need has gone, or that the plan does not hold', async () => {
    const results = await walkActions({
      actions: [action('a', 'main'), action('b', 'main', ['a', 'not-in-the-plan'])],
      concurrency: 1,
      groupOf,
      verdictOn,
      leaveGroup,
      run: async ({ id }) => (id === 'a' ? { kind: 'vanished', because: 'somebody else did it' } : done),
    });
    expect(results.map(({ outcome }) => outcome.kind)).toEqual(['vanished', 'done']);
  });

  it('gives the verdict on what is not to run, also where it waits for another', async () => {
    const refused: ActionOutcome = { kind: 'refused', because: 'nobody approved it' };
    const results = await walkActions({
      actions: [action('a', 'main'), action('b', 'main', ['a']), action('c', 'main', ['a'])],
      concurrency: 1,
      groupOf,
      verdictOn: ({ id }) => (id === 'c' ? undefined : refused),
      leaveGroup,
      run: async () => done,
    });
    expect(results.map(({ outcome }) => outcome.kind)).toEqual(['refused', 'refused', 'skipped']);
  });

  it('lets a slow group delay no other', async () => {
    const ended: string[] = [];
    await walkActions({
      actions: [action('slow', 'main'), action('quick-1', 'offsite'), action('quick-2', 'offsite')],
      concurrency: 2,
      groupOf,
      verdictOn,
      leaveGroup,
      run: async ({ id }) => {
        if (id === 'slow') await sleep(50);
        ended.push(id);
        return done;
      },
    });
    expect(ended).toEqual(['quick-1', 'quick-2', 'slow']);
  });

  it('refuses an order in which an action comes before what it waits for', async () => {
    const walk = walkActions({
      actions: [action('a', 'main', ['b']), action('b', 'offsite')],
      concurrency: 1,
      groupOf,
      verdictOn,
      leaveGroup,
      run: async () => done,
    });
    await expect(walk).rejects.toThrow('puts a before b');
  });

  it('ends for every graph, never exceeds the concurrency, keeps order within a group, and runs nothing before what it waits for', async () => {
    const graphs = fc.array(
      fc.record({
        group: fc.integer({ min: 0, max: 3 }),
        back: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }),
        fails: fc.boolean(),
      }),
      { maxLength: 14 },
    );
    await fc.assert(
      fc.asyncProperty(graphs, fc.integer({ min: 1, max: 3 }), async (graph, concurrency) => {
        const actions = graph.map(({ group, back }, index) =>
          action(`${index}`, `r${group}`, [...new Set(back.map((n) => index - n).filter((n) => n >= 0))].map(String)),
        );
        let running = 0;
        const left: string[] = [];
        const started: number[] = [];
        const ok = new Set<string>();
        const results = await walkActions({
          actions,
          concurrency,
          groupOf,
          verdictOn,
          leaveGroup: async (group) => void left.push(group),
          run: async ({ id, dependsOn }) => {
            running += 1;
            expect(running).toBeLessThanOrEqual(concurrency);
            for (const dependency of dependsOn) expect(ok).toContain(dependency);
            started.push(Number(id));
            await Promise.resolve();
            running -= 1;
            if (graph[Number(id)]?.fails) return failed;
            ok.add(id);
            return done;
          },
        });
        expect(results.map((result) => result.action.id)).toEqual(actions.map(({ id }) => id));
        expect(left.toSorted()).toEqual([...new Set(actions.map(groupOf))].toSorted());
        for (const group of left) {
          const own = started.filter((index) => actions[index]?.repository === group);
          expect(own).toEqual(own.toSorted((a, b) => a - b));
        }
      }),
      { numRuns: 200 },
    );
  });
});
