import type { FailureCode } from '../domain/failure.ts';
import type { CodecName } from './codec.ts';
import type { Compression } from './open-codec.ts';

/** What worker threads are told when they start. */
export interface WorkerSettings {
  readonly compression: Compression;
}

/** `plain` lies in shared memory and does not change until the answer has come. */
export type ChunkJob =
  | { readonly kind: 'digest'; readonly plain: Uint8Array }
  | { readonly kind: 'encode'; readonly plain: Uint8Array; readonly sessionKey: Uint8Array | undefined };

/** `bytes` belong to whoever gets them. */
export type ChunkResult =
  | { readonly kind: 'digest'; readonly sha256: Uint8Array }
  | { readonly kind: 'encode'; readonly bytes: Uint8Array<ArrayBuffer>; readonly codec: CodecName }
  | { readonly kind: 'failed'; readonly code: FailureCode; readonly message: string };
