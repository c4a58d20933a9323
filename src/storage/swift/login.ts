import type { DesiredSwift } from '../../domain/desired-storage.ts';
import { Failure } from '../../domain/failure.ts';

/** What an authentication gives: a token, and the URL below which the containers are. */
export interface Login {
  readonly token: string;
  readonly storageUrl: URL;
}

/** One version of authentication: what to send, and what to make of the answer. */
export interface LoginProtocol {
  request(storage: DesiredSwift, key: string): LoginRequest;
  read(storage: DesiredSwift, headers: Readonly<Record<string, string | string[] | undefined>>, body: string): Login;
}

interface LoginRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** The URL of the policy with `version` at the end of its path, unless it is there, and `rest` after it. */
export function identityUrl(authUrl: string, version: string, rest: string): URL {
  const url = new URL(authUrl);
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = `${path.endsWith(`/${version}`) ? path : `${path}/${version}`}/${rest}`;
  return url;
}

export function loginOf(token: unknown, storageUrl: unknown): Login {
  const url = typeof storageUrl === 'string' ? URL.parse(storageUrl) : null;
  if (typeof token !== 'string' || token === '') throw unexpected('no token');
  if (url === null) throw unexpected('no URL of the object store');
  url.pathname = url.pathname.replace(/\/+$/, '');
  return { token, storageUrl: url };
}

/** For an answer that succeeded and is not what the version of authentication says. */
export function unexpected(what: string): Failure {
  return new Failure('store.unavailable', {
    message: `the authentication answered with ${what}`,
    hint: 'check authUrl and authVersion in the policy',
  });
}
