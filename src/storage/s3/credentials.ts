import type { DesiredS3 } from '../../domain/desired-storage.ts';
import { describeSecretReference } from '../../policy/secret-resolver.ts';
import type { StorageContext } from '../storage-context.ts';

/** The declared keys, read when they are needed. */
export interface S3Credentials {
  /** What the SDK asks for every request. */
  readonly provide: () => Promise<SdkCredentials>;
  /** What provide will give, where that is known already: most requests need not wait for it. */
  known(): SdkCredentials | undefined;
  /**
   * The store refused `before`: reads them once more, because a session token may have ended or a key been rotated. Whether they are
   * others by now, so that the request is worth sending again.
   */
  renew(before: SdkCredentials): Promise<boolean>;
  /** Which secret reference an error code of the store is about; never a value. */
  blame(code: string | undefined): string;
}

interface SdkCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration: Date;
}

// A reference may be a command: it is not run for each of thousands of requests, and a rotated key is seen soon nevertheless.
const KEEP_MILLISECONDS = 60_000;

/** Undefined where the policy declares none: the SDK then searches its own chain. */
export function declaredCredentials(
  credentials: DesiredS3['credentials'],
  context: StorageContext,
  signal: AbortSignal,
): S3Credentials | undefined {
  if (credentials === undefined) return undefined;
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  let kept: { readonly at: number; readonly values: Promise<SdkCredentials>; found?: SdkCredentials } | undefined;
  const isFresh = (): boolean => kept !== undefined && context.clock.now() - kept.at <= KEEP_MILLISECONDS;
  const resolve = async (): Promise<SdkCredentials> => {
    const [id, secret, token] = await Promise.all([
      context.secrets.resolve(accessKeyId, signal),
      context.secrets.resolve(secretAccessKey, signal),
      sessionToken === undefined ? undefined : context.secrets.resolve(sessionToken, signal),
    ]);
    return {
      accessKeyId: id.reveal(),
      secretAccessKey: secret.reveal(),
      ...(token !== undefined && { sessionToken: token.reveal() }),
      // In the past, so that the SDK keeps nothing and asks again: what is kept is decided here.
      expiration: new Date(0),
    };
  };
  const provide = async (): Promise<SdkCredentials> => {
    if (kept !== undefined && isFresh()) return kept.values;
    const values = resolve();
    const looking: NonNullable<typeof kept> = { at: context.clock.now(), values };
    kept = looking;
    values.then(
      (found) => {
        looking.found = found;
      },
      // A failed look-up is not kept.
      () => {
        if (kept === looking) kept = undefined;
      },
    );
    return values;
  };
  return {
    provide,
    known: () => (isFresh() ? kept?.found : undefined),
    async renew(before) {
      // Another request that was refused may have read them meanwhile.
      if (kept === undefined || (await kept.values) === before) kept = undefined;
      const now = await provide();
      return (
        now.accessKeyId !== before.accessKeyId ||
        now.secretAccessKey !== before.secretAccessKey ||
        now.sessionToken !== before.sessionToken
      );
    },
    blame(code) {
      if (code === 'SignatureDoesNotMatch') return describeSecretReference(secretAccessKey);
      if (sessionToken !== undefined && (code === 'ExpiredToken' || code === 'InvalidToken'))
        return describeSecretReference(sessionToken);
      return describeSecretReference(accessKeyId);
    },
  };
}
