import { expect, test } from 'vitest';
import { siteName } from '../../../src/domain/desired.ts';
import { notActedOn } from '../../../src/domain/not-acted-on.ts';
import { loadPolicies } from '../../../src/policy/load-policies.ts';

async function sentenceFor(file: string): Promise<string | undefined> {
  const { desired } = await loadPolicies(file);
  const [site] = desired?.sites.values() ?? [];
  if (!desired || !site) throw new Error(`${file} declares no site`);
  return notActedOn(desired, site);
}

test('everything that the demanding example declares without effect is named', async () => {
  const sentence = await sentenceFor('examples/production.yaml');
  for (const part of [
    'connections.slot',
    'restore target "orders-db3"',
    'backup.from prefer-standby',
    'wal.method stream',
    'wal.partial',
    'wal.pauseBelow',
    'objectives.rpo',
    'objectives.rto',
    'maintenanceFile',
    'alerts',
  ])
    expect(sentence).toContain(part);
  expect(sentence).not.toMatch(/limits|notify/);
});

test('nothing is said where everything is acted on', async () => {
  expect(await sentenceFor('examples/quickstart/policies')).toBeUndefined();
});

test('an earlier name is not read', async () => {
  const { desired } = await loadPolicies('examples/quickstart/policies');
  const [site] = desired?.sites.values() ?? [];
  if (!desired || !site) throw new Error('no site');
  expect(notActedOn(desired, { ...site, movedFrom: [siteName('old')] })).toContain('nothing stored as old is read');
});
