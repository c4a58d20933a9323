import type { DriverOptions } from '../remote/driver.ts';
import type { SwiftInfo } from './info.ts';
import { listContainer } from './list.ts';
import { headObject, requireContainer } from './objects.ts';
import { removeNames } from './remove.ts';
import { groupInUse, groupPrefix, type Segment, segmentOf, segmentsContainer } from './segments.ts';
import type { SwiftSession } from './session.ts';

/** Removes the segments of uploads that wrote nothing since `before` and that no manifest names; how many uploads. */
export async function removeAbandonedUploads(
  session: SwiftSession,
  prefix: string,
  before: number,
  around: { readonly info: SwiftInfo } & DriverOptions,
): Promise<number> {
  const { signal } = around;
  await requireContainer(session, signal);
  let removed = 0;
  for await (const { key, group, newest } of uploads(session, prefix, signal)) {
    if (newest >= before) continue;
    const found = await headObject(session, key, signal);
    if (found !== undefined && (await groupInUse(session, found, signal)) === group) continue;
    await removeGroup(session, key, group, around);
    removed += 1;
  }
  return removed;
}

interface Upload {
  readonly key: string;
  readonly group: string;
  /** When its last segment was stored, by the clock of the store. */
  readonly newest: number;
}

/** Uploads of which there are segments. Those of one upload follow each other in the listing, so one is held at a time. */
async function* uploads(session: SwiftSession, prefix: string, signal: AbortSignal): AsyncGenerator<Upload> {
  let current: Upload | undefined;
  for await (const { of: key, group, storedAt } of segmentsBelow(session, prefix, signal)) {
    if (current?.key === key && current.group === group) {
      current = { key, group, newest: Math.max(current.newest, storedAt) };
      continue;
    }
    if (current !== undefined) yield current;
    current = { key, group, newest: storedAt };
  }
  if (current !== undefined) yield current;
}

async function* segmentsBelow(session: SwiftSession, prefix: string, signal: AbortSignal): AsyncGenerator<Segment> {
  const container = segmentsContainer(session.place.container);
  let after: string | undefined = '';
  while (after !== undefined) {
    const page = await listContainer(session, { container, prefix, after }, signal);
    for (const info of page ?? []) {
      const segment = segmentOf(info);
      if (segment?.of.startsWith(prefix) === true) yield segment;
    }
    after = page?.at(-1)?.key;
  }
}

async function removeGroup(
  session: SwiftSession,
  key: string,
  group: string,
  around: { readonly info: SwiftInfo } & DriverOptions,
): Promise<void> {
  const container = segmentsContainer(session.place.container);
  const prefix = groupPrefix(key, group);
  let after: string | undefined = '';
  while (after !== undefined) {
    const page = await listContainer(session, { container, prefix, after }, around.signal);
    const names = (page ?? []).map((info) => info.key);
    const results = names.length === 0 ? [] : await removeNames(session, container, names, around);
    for (const result of results) if (result.kind === 'failed') throw result.error;
    after = names.at(-1);
  }
}
