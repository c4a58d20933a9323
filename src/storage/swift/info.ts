import { answerFailure, dropped, networkFailure } from './errors.ts';
import { field, numberField, parsed } from './json.ts';
import { textOf } from './response-body.ts';
import type { SwiftSession } from './session.ts';
import { shared } from './shared.ts';

/** What this Swift can do, as its /info says. */
export interface SwiftInfo {
  /** Undefined: no static large objects. */
  readonly maxManifestSegments: number | undefined;
  /** Most names in one bulk delete; undefined: there is none. */
  readonly maxBulkDelete: number | undefined;
}

// Swift's default, for services that hide /info or, as Ceph, know none: they have static large objects, but no bulk delete for sure.
const UNKNOWN: SwiftInfo = { maxManifestSegments: 1000, maxBulkDelete: undefined };

const MOST = 1024 * 1024;

/** Asked once, when it is first needed. */
export function swiftInfo(session: SwiftSession): (signal: AbortSignal) => Promise<SwiftInfo> {
  let known: SwiftInfo | undefined;
  const closing = new AbortController().signal;
  const ask = shared(async () => {
    known = await readInfo(session, closing);
    return known;
  });
  return async (signal) => known ?? ask(signal);
}

async function readInfo(session: SwiftSession, signal: AbortSignal): Promise<SwiftInfo> {
  const doing = { operation: 'ask for the abilities of the store' };
  const response = await session.callBeside('/info', { method: 'GET', ...doing, signal });
  // 5xx and 429 pass; taking them for an answer would be remembered.
  if (response.status === 429 || response.status >= 500) {
    throw await answerFailure(response, session.place, doing);
  }
  if (response.status !== 200) {
    await dropped(response);
    return UNKNOWN;
  }
  try {
    const info = parsed(await textOf(response.message, MOST));
    if (field(info, 'swift') === undefined) return UNKNOWN;
    return {
      maxManifestSegments: numberField(field(info, 'slo'), 'max_manifest_segments'),
      maxBulkDelete: numberField(field(info, 'bulk_delete'), 'max_deletes_per_request'),
    };
  } catch (error) {
    throw networkFailure(error, session.place, doing, signal);
  }
}
