import { errorCode } from '../../domain/error-code.ts';
import { Failure, isFailure } from '../../domain/failure.ts';
import { failureOfNetwork } from '../http/network-failure.ts';
import { record, text } from './gcs-object.ts';

/** What an error of the authentication library means: an answer of the token endpoint (RFC 6749, 5.2), a key that is none, or the network. */
export function authFailure(error: unknown, credentials: string, signal: AbortSignal): unknown {
  const response = record(error)['response'];
  // A fetch Response: what it says comes from its prototype.
  const said = (name: string): unknown =>
    typeof response === 'object' && response !== null ? Reflect.get(response, name) : undefined;
  const status = Number(said('status'));
  const message = error instanceof Error ? error.message : String(error);
  const code = text(record(said('data'))['error']);
  if (code !== undefined || status === 400 || status === 401 || status === 403) {
    const why = text(record(said('data'))['error_description']) ?? message;
    return new Failure('store.denied', {
      message: `Google refused the credentials from ${credentials}: ${code ?? status} (${why})`,
      // A token is asked for with times of this host's clock.
      hint: /\biat\b|\bexp\b|short-lived|timeframe/i.test(why)
        ? 'set the clock of this host'
        : 'check that the service account and its key still exist and are enabled',
      cause: error,
    });
  }
  if (status >= 500 || status === 429) {
    return new Failure(status === 429 ? 'store.throttled' : 'store.unavailable', {
      message: `Google's token endpoint answered ${status}`,
      cause: error,
    });
  }
  if (/default credentials/i.test(message)) {
    return new Failure('store.denied', {
      message: 'there are no application default credentials for Google Cloud Storage',
      hint: 'declare storage.credentials.keyFile, set GOOGLE_APPLICATION_CREDENTIALS, or run on a machine with a service account',
      cause: error,
    });
  }
  const own = ownFailure(error);
  const library = errorCode(error) ?? '';
  // Not the network's: a credentials file that is not there, a private key that cannot be read.
  if (own === undefined && (library === '' || /^(ENOENT|EACCES|EISDIR|ERR_OSSL_|ERR_CRYPTO_)/.test(library))) {
    return new Failure('store.denied', {
      message: `the credentials from ${credentials} cannot be used: ${message}`,
      hint: 'check that they are complete, and of a kind that Google knows',
      cause: error,
    });
  }
  return failureOfNetwork(own ?? error, {
    operation: 'get a token',
    store: 'Google Cloud Storage',
    signal,
  });
}

/** What our agents said of a proxy or a stalled connection, below what the library has wrapped it in. */
function ownFailure(error: unknown): Failure | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (isFailure(at)) return at;
  return undefined;
}
