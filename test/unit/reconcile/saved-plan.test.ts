import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../../src/domain/instant.ts';
import { comparePlans, needsApproval } from '../../../src/reconcile/approval.ts';
import { inputsDigest } from '../../../src/reconcile/digest.ts';
import { readSavedPlan } from '../../../src/reconcile/saved-plan.ts';
import { plannedAction } from '../../support/planned-action.ts';

const NOW = parseInstant('2026-11-22T12:00:00Z');
const saved = (id: string) => ({
  id,
  site: 'orders',
  repository: 'main',
  inputsDigest: inputsDigest({ inputs: 'x' }),
});
const DOCUMENT = {
  formatVersion: '1.7',
  createdAt: '2026-11-22T11:00:00.000Z',
  notAfter: '2026-11-23T11:00:00.000Z',
  actions: [{ ...saved('a'), somethingNew: true }],
};
const read = (document: unknown) => readSavedPlan(JSON.stringify(document), 'plan.json', NOW);

describe('readSavedPlan', () => {
  it('reads a plan of a newer minor version', () => {
    expect(read(DOCUMENT).actions).toEqual([saved('a')]);
  });

  it('refuses an expired plan with the status of a stale one', () => {
    const expired = { ...DOCUMENT, notAfter: '2026-11-22T11:59:59.999Z' };
    expect(() => read(expired)).toThrowError(expect.objectContaining({ code: 'plan.stale', exitStatus: 5 }));
  });

  it.each([
    [{ ...DOCUMENT, formatVersion: '2.0' }, 'format version "2.0"'],
    [{ ...DOCUMENT, formatVersion: undefined }, '"formatVersion" is missing'],
    [{ ...DOCUMENT, actions: [{ ...saved('a'), inputsDigest: 7 }] }, '"inputsDigest" is missing'],
    [{ ...DOCUMENT, actions: {} }, '"actions" is missing'],
    [[], 'not a JSON object'],
  ])('refuses what is no plan that it can read', (document, message) => {
    expect(() => read(document)).toThrowError(message);
    expect(() => read(document)).toThrowError(expect.objectContaining({ code: 'plan.refused' }));
  });

  it('refuses what is no JSON', () => {
    expect(() => readSavedPlan('verdict: fine', 'plan.txt', NOW)).toThrowError(
      'plan.txt is not a saved plan: it is not JSON',
    );
  });
});

describe('comparePlans', () => {
  it('tells same, changed, vanished and added actions apart', () => {
    const plan = read({ ...DOCUMENT, actions: ['same', 'changed', 'vanished'].map(saved) });
    const same = plannedAction({ id: 'same', inputs: 'x' });
    const changed = plannedAction({ id: 'changed', inputs: 'y' });
    const added = plannedAction({ id: 'added', risk: 'destructive' });
    expect(comparePlans(plan, [same, changed, added], inputsDigest)).toEqual({
      same: [same],
      changed: [changed],
      vanished: [saved('vanished')],
      added: [added],
    });
  });
});

describe('needsApproval', () => {
  it('is for what removes something, or where the policy asks for it, unless something else blocks', () => {
    const confirm = { code: 'needs-approval', message: 'prune: confirm' } as const;
    const budget = { code: 'budget', message: 'too many' } as const;
    expect(needsApproval(plannedAction())).toBe(false);
    expect(needsApproval(plannedAction({ risk: 'destructive' }))).toBe(true);
    expect(needsApproval(plannedAction({ risk: 'destructive', blockedBy: [confirm] }))).toBe(true);
    expect(needsApproval(plannedAction({ risk: 'destructive', blockedBy: [confirm, budget] }))).toBe(false);
  });
});
