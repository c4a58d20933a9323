import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/domain/failure.ts';
import type { ActionOutcome } from '../../../src/domain/outcome.ts';
import type { Blocker } from '../../../src/domain/plan.ts';
import { applyStatus } from '../../../src/reconcile/apply-status.ts';
import { plannedAction } from '../../support/planned-action.ts';

const done: ActionOutcome = { kind: 'done', summary: '' };
const refused: ActionOutcome = { kind: 'refused', because: '' };
const blocked: ActionOutcome = { kind: 'blocked' };
const changed: ActionOutcome = { kind: 'changed', because: '' };
const vanished: ActionOutcome = { kind: 'vanished', because: '' };
const failed: ActionOutcome = { kind: 'failed', failure: new Failure('backup.failed', { message: '' }) };
const held: ActionOutcome = { kind: 'failed', failure: new Failure('lease.held', { message: '' }) };

const status = (outcomes: readonly ActionOutcome[], unclear = false, blockedBy: readonly Blocker[] = []): number =>
  applyStatus({
    executed: outcomes.map((outcome) => ({ action: plannedAction({ blockedBy }), outcome })),
    unobserved: unclear ? ['x'] : [],
  });

describe('applyStatus', () => {
  it.each([
    [[], 0],
    [[done, vanished], 0],
    [[failed], 1],
    [[held, held], 11],
    [[held, failed], 1],
    [[done, failed], 3],
    [[done, refused], 4],
    [[done, refused, failed], 3],
    [[changed], 5],
    [[done, changed], 3],
  ])('%# says what happened as a status', (outcomes, expected) => {
    expect(status(outcomes)).toBe(expected);
  });

  it('is no success where something could not be observed', () => {
    expect(status([], true)).toBe(1);
    expect(status([done], true)).toBe(3);
    expect(status([blocked], true, [{ code: 'unknown-cluster', message: '' }])).toBe(1);
    expect(status([done, blocked], true, [{ code: 'unknown-repository', message: '' }])).toBe(3);
  });

  it('is a success where a site is only watched', () => {
    expect(status([blocked], false, [{ code: 'detect-only', message: '' }])).toBe(0);
    expect(status([blocked], false, [{ code: 'budget', message: '' }])).toBe(4);
  });
});
