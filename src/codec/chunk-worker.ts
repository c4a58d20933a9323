import { hash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { Failure, unreachable } from '../domain/failure.ts';
import type { ChunkJob, ChunkResult, WorkerSettings } from './chunk-job.ts';
import type { CodecName } from './codec.ts';
import { openCodec } from './open-codec.ts';
import { encryptContent } from './openpgp/protected-data.ts';

/** The program of one worker thread of ChunkWorkers: one job after the other. */

const { compression } = workerData as WorkerSettings;
const codec = openCodec(compression);

async function run(job: ChunkJob): Promise<ChunkResult> {
  switch (job.kind) {
    case 'digest':
      return { kind: 'digest', sha256: hash('sha256', job.plain, 'buffer') };
    case 'encode': {
      const frame = await codec.encode(job.plain);
      // What does not shrink is stored as it is: nothing to decode, and the hash vouches for it.
      const raw = frame.length >= job.plain.length;
      const name: CodecName = raw ? 'none' : codec.name;
      const content = raw ? job.plain : frame;
      const bytes = job.sessionKey === undefined ? content : encryptContent(job.sessionKey, content);
      return { kind: 'encode', bytes: ownBytes(bytes), codec: name };
    }
    default:
      return unreachable(job);
  }
}

/**
 * Bytes in a buffer of their own that is not much larger, to be handed over without a copy: what they come in may be shared with others, or
 * far larger than they are.
 */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes;
  const fits = buffer instanceof ArrayBuffer && byteLength >= SMALLEST_OWN && buffer.byteLength <= byteLength * 1.25;
  return fits ? new Uint8Array(buffer, bytes.byteOffset, byteLength) : new Uint8Array(bytes);
}

/** Node cuts small buffers out of shared ones. */
const SMALLEST_OWN = 64 * 1024;

async function answer(job: ChunkJob): Promise<void> {
  try {
    const result = await run(job);
    parentPort?.postMessage(result, result.kind === 'encode' ? [result.bytes.buffer] : []);
  } catch (error) {
    const code = error instanceof Failure ? error.code : 'bug';
    const failed: ChunkResult = {
      kind: 'failed',
      code,
      message: error instanceof Error ? error.message : String(error),
    };
    parentPort?.postMessage(failed);
  }
}

parentPort?.on('message', (job: ChunkJob) => void answer(job));
