import { errorCode } from '../../domain/error-code.ts';
import { Failure, isFailure } from '../../domain/failure.ts';
import type { RequestAbout } from './status.ts';

// OpenSSL's and Node's names for a certificate that is not trusted (https://nodejs.org/api/tls.html#x509-certificate-error-codes).
const CERTIFICATE =
  /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH_|INVALID_PURPOSE)/;
const TIME = /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/;
const NOT_TLS = /^(EPROTO|ERR_SSL_)/;
const NOT_RESOLVED = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA']);
const DEEPEST_CAUSE = 6;

/**
 * The failure that an error of the connection means: transient, but for what no retry mends (a certificate, a proxy that refuses).
 * An abort is no failure of the network: the signal's reason is thrown where `signal` is given and aborted.
 */
export function failureOfNetwork(error: unknown, about: RequestAbout & { readonly signal?: AbortSignal }): Failure {
  about.signal?.throwIfAborted();
  const causes = causesOf(error);
  // One of our own from below a library, which wraps it: a proxy that refuses, a secret that cannot be read.
  const own = causes.find((cause) => isFailure(cause));
  if (own !== undefined) return own;
  const place = `${about.store}: ${about.operation}${about.key === undefined ? '' : ` ${about.key}`}`;
  const codes = causes.map((cause) => errorCode(cause) ?? '');
  const certificate = codes.find((code) => CERTIFICATE.test(code));
  if (certificate !== undefined) {
    return new Failure('store.denied', {
      message: `${place}: the server's certificate is not trusted (${certificate})`,
      hint: TIME.test(certificate)
        ? "renew the certificate, or set this host's clock"
        : 'give the authority that signed it as tls.ca of the repository, or check the host name of the endpoint',
      cause: error,
    });
  }
  const code = codes.find((found) => found !== '');
  const why = code ?? (error instanceof Error ? error.message : 'unknown error');
  return new Failure('store.unavailable', {
    message: `${place}: the connection failed (${why})`,
    ...hintOf(codes),
    cause: error,
  });
}

function hintOf(codes: readonly string[]): { readonly hint?: string } {
  if (codes.some((code) => NOT_RESOLVED.has(code)))
    return { hint: 'the host name is not known here: check the endpoint' };
  if (codes.some((code) => NOT_TLS.test(code)))
    return { hint: 'check whether the endpoint speaks TLS (http or https)' };
  if (codes.includes('ECONNREFUSED')) return { hint: 'nothing listens there: check the endpoint and its port' };
  return {};
}

/** The error, and what it says it comes from: SDKs wrap the socket's error, some several times. */
function causesOf(error: unknown): readonly unknown[] {
  const found: unknown[] = [];
  const pending: unknown[] = [error];
  while (pending.length > 0 && found.length < DEEPEST_CAUSE) {
    const next = pending.shift();
    if (next === undefined || next === null) continue;
    found.push(next);
    if (next instanceof AggregateError) pending.push(...next.errors.slice(0, 2));
    if (next instanceof Error) pending.push(next.cause);
  }
  return found;
}
