import { generateKeyPairSync, randomBytes, randomUUID, verify } from 'node:crypto';
import { GcsError } from './gcs-error.ts';
import { isRecord } from './json.ts';
import type { GcsReply, GcsRequest } from './request.ts';

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const AUDIENCE = 'https://oauth2.googleapis.com/token';
/** How far a client's clock may be off, and the longest life of an assertion, in seconds. */
const SKEW = 300;
const LONGEST = 3600;

/** Scopes that allow what this server does: https://cloud.google.com/storage/docs/oauth-scopes */
const SCOPES = new Set([
  'https://www.googleapis.com/auth/cloud-platform',
  'https://www.googleapis.com/auth/devstorage.full_control',
  'https://www.googleapis.com/auth/devstorage.read_write',
]);

/** Service accounts, and the tokens that they were given: https://developers.google.com/identity/protocols/oauth2/service-account#httprest */
export class Tokens {
  /** Seconds that new tokens live. */
  lifetime = 3600;
  /** How many were given. */
  issued = 0;
  readonly #now: () => number;
  readonly #keys = new Map<string, { readonly email: string; readonly publicKey: string }>();
  readonly #tokens = new Map<string, { readonly email: string; readonly expires: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The JSON key of a new service account. */
  createKey(tokenUri: string, name = 'hoard'): string {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const email = `${name}@hoard-test.iam.gserviceaccount.com`;
    const id = randomBytes(20).toString('hex');
    this.#keys.set(id, { email, publicKey });
    return JSON.stringify({
      type: 'service_account',
      project_id: 'hoard-test',
      private_key_id: id,
      private_key: privateKey,
      client_email: email,
      client_id: '100000000000000000000',
      auth_uri: 'https://accounts.google.com/o/oauth2/auth',
      token_uri: tokenUri,
      auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
      universe_domain: 'googleapis.com',
    });
  }

  /** Every token given so far is worth nothing from now on. */
  revokeTokens(): void {
    this.#tokens.clear();
  }

  /** Nobody gets a token for any key made so far. */
  removeKeys(): void {
    this.#keys.clear();
  }

  /** POST /token */
  grant(request: GcsRequest): GcsReply {
    const form = new URLSearchParams(request.body.toString('utf8'));
    if (form.get('grant_type') !== GRANT_TYPE)
      return refuse('unsupported_grant_type', `Invalid grant_type: ${form.get('grant_type')}`);
    const assertion = form.get('assertion') ?? '';
    const email = this.#verify(assertion, request.base);
    if (typeof email !== 'string') return email;
    return { status: 200, json: this.issue(email) };
  }

  /** A token for an account, as the token endpoint and the metadata server of a machine give it. */
  issue(email: string): { readonly access_token: string; readonly expires_in: number; readonly token_type: 'Bearer' } {
    const token = `ya29.${randomUUID()}`;
    this.issued += 1;
    this.#tokens.set(token, { email, expires: this.#now() + this.lifetime * 1000 });
    return { access_token: token, expires_in: this.lifetime, token_type: 'Bearer' };
  }

  /** The account that asks. */
  authenticate(request: GcsRequest): string {
    const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined)
      throw new GcsError(
        401,
        'required',
        'Anonymous caller does not have storage.objects access to the Google Cloud Storage object.',
        'Authorization',
      );
    const found = this.#tokens.get(token);
    if (found === undefined || found.expires <= this.#now())
      throw new GcsError(401, 'authError', 'Invalid Credentials', 'Authorization');
    return found.email;
  }

  #verify(assertion: string, base: string): string | GcsReply {
    const [header = '', payload = '', signature = ''] = assertion.split('.');
    const head = decode(header);
    const claims = decode(payload);
    if (head === undefined || claims === undefined) return refuse('invalid_grant', 'Invalid JWT: Failed to parse.');
    const key = typeof head['kid'] === 'string' ? this.#keys.get(head['kid']) : this.#keyOf(claims['iss']);
    if (key === undefined || key.email !== claims['iss'])
      return refuse('invalid_grant', 'Invalid grant: account not found');
    const isSigned =
      head['alg'] === 'RS256' &&
      verify('RSA-SHA256', Buffer.from(`${header}.${payload}`), key.publicKey, Buffer.from(signature, 'base64url'));
    if (!isSigned) return refuse('invalid_grant', 'Invalid JWT Signature.');
    const { iat, exp, aud, scope } = claims;
    const now = this.#now() / 1000;
    if (
      typeof iat !== 'number' ||
      typeof exp !== 'number' ||
      iat > now + SKEW ||
      exp < now - SKEW ||
      exp - iat > LONGEST
    ) {
      return refuse(
        'invalid_grant',
        'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
      );
    }
    if (aud !== AUDIENCE && aud !== `${base}/token`)
      return refuse('invalid_grant', 'Invalid JWT: Failed audience check.');
    const scopes = typeof scope === 'string' ? scope.split(' ') : [];
    if (!scopes.some((each) => SCOPES.has(each)))
      return refuse('invalid_scope', 'Invalid OAuth scope or ID token audience provided.');
    return key.email;
  }

  #keyOf(email: unknown): { readonly email: string; readonly publicKey: string } | undefined {
    return [...this.#keys.values()].find((each) => each.email === email);
  }
}

function refuse(error: string, description: string): GcsReply {
  return { status: 400, json: { error, error_description: description } };
}

function decode(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
