import type * as Sdk from '@aws-sdk/client-s3';
import type { DesiredS3 } from '../../domain/desired-storage.ts';
import { type Failure, isFailure } from '../../domain/failure.ts';
import { orAbort } from '../abortable.ts';
import type { HttpAgents } from '../http/agents.ts';
import type { StorageContext } from '../storage-context.ts';
import { declaredCredentials } from './credentials.ts';
import { answerFailure, type S3Call, type Surroundings, s3Failure } from './errors.ts';
import { addHeaders } from './headers.ts';

/** One bucket and the client for it. */
export interface S3Session {
  readonly bucket: string;
  readonly storage: DesiredS3;
  readonly context: StorageContext;
  readonly description: string;
  /** Sends one request. Its error is a Failure, or the signal's reason. */
  send<T>(
    call: S3Call,
    signal: AbortSignal,
    request: (s3: Sdk.S3, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T>;
  /** What the answer to one key of a request for many means. */
  refusal(call: S3Call, code: string | undefined, message: string | undefined): Failure;
  close(): void;
}

export async function openSession(storage: DesiredS3, context: StorageContext, agents: HttpAgents): Promise<S3Session> {
  // Loaded here and not above: a program that never uses this backend does not pay for it.
  const [{ S3 }, { NodeHttpHandler }] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@smithy/node-http-handler'),
  ]);
  const closing = new AbortController();
  const credentials = declaredCredentials(storage.credentials, context, closing.signal);
  const client = new S3({
    region: storage.region,
    forcePathStyle: storage.forcePathStyle,
    ...(storage.endpoint === undefined ? { useDualstackEndpoint: storage.dualStack } : { endpoint: storage.endpoint }),
    ...(credentials && { credentials: credentials.provide }),
    ...(storage.userAgent !== undefined && { customUserAgent: storage.userAgent }),
    // Time-outs are those of the agents, by progress. A socket time-out of its own the handler has none then.
    requestHandler: new NodeHttpHandler({ httpAgent: agents.http, httpsAgent: agents.https, socketTimeout: 0 }),
    // Repeats exist once, in remote-store.
    maxAttempts: 1,
    // Stores that are not AWS refuse the newer checksum headers; Content-MD5 they all know.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // A round trip more for every part, and bodies are small.
    expectContinueHeader: false,
    logger: SILENT,
  });
  // It copies inputs and answers for a log that nobody reads, which is a tenth of the time of a small request.
  client.middlewareStack.remove('loggerMiddleware');
  addHeaders(client);
  const description = describe(storage);
  const around: Surroundings = {
    store: description,
    bucket: storage.bucket,
    region: storage.region,
    blame: (code) => credentials?.blame(code) ?? "the SDK's default chain of credentials",
  };
  return {
    bucket: storage.bucket,
    storage,
    context,
    description,
    async send(call, signal, request) {
      const once = async (): Promise<Awaited<ReturnType<typeof request>>> => {
        signal.throwIfAborted();
        try {
          return await request(client, { abortSignal: signal });
        } catch (error) {
          signal.throwIfAborted();
          const failure = s3Failure(error, call, around);
          // The SDK would silently correct a wrong clock from the second request on: with it, object locks would be wrong as well.
          if (isFailure(failure, 'store.denied')) client.config.systemClockOffset = 0;
          throw failure;
        }
      };
      signal.throwIfAborted();
      if (credentials === undefined) return once();
      const used = credentials.known() ?? (await orAbort(credentials.provide(), signal));
      try {
        return await once();
      } catch (error) {
        if (!isFailure(error, 'store.denied') || !(await orAbort(credentials.renew(used), signal))) throw error;
        return once();
      }
    },
    refusal: (call, code, message) => answerFailure({ status: 500, code, message }, call, around),
    close() {
      closing.abort();
      client.destroy();
      agents.close();
    },
  };
}

const SILENT = { debug: noop, info: noop, warn: noop, error: noop };

function noop(): void {
  // What the SDK has to say comes back as an error or not at all.
}

function describe(storage: DesiredS3): string {
  return `s3 ${storage.bucket} at ${storage.endpoint === undefined ? `AWS ${storage.region}` : withoutUser(storage.endpoint)}`;
}

function withoutUser(endpoint: string): string {
  const url = URL.parse(endpoint);
  return url === null ? endpoint : `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`;
}
