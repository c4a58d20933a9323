import type { gaxios, JWT } from 'google-auth-library';
import { Failure } from '../../domain/failure.ts';
import { record, text } from './gcs-object.ts';
import type { GcsSdk } from './gcs-sdk.ts';

// Objects and their metadata, nothing of buckets or access lists: https://cloud.google.com/storage/docs/oauth-scopes
const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write';

/** What the library has built in, and what is in the keys that Google makes. */
const TOKEN_URI = 'https://oauth2.googleapis.com/token';

/**
 * A client for the JSON key of a service account. Other kinds of credentials (workload identity, a user's own) can name commands to run
 * and addresses to ask, and are taken from the place that Google's tools keep them in only: the application default credentials.
 */
export function keyFileClient(json: string, source: string, transporter: gaxios.Gaxios, sdk: GcsSdk): JWT {
  const key = record(parse(json));
  const email = text(key['client_email']);
  const privateKey = text(key['private_key']);
  if (key['type'] !== 'service_account' || email === undefined || privateKey === undefined) {
    throw new Failure('store.denied', {
      message: `${source} does not hold the JSON key of a Google service account`,
      hint: 'make one with: gcloud iam service-accounts keys create; for other kinds of credentials leave storage.credentials out',
    });
  }
  // The library ignores the key's own token endpoint, which private installations and other universes need.
  const tokenUri = text(key['token_uri']);
  if (tokenUri !== undefined && tokenUri !== TOKEN_URI && URL.canParse(tokenUri)) {
    transporter.interceptors.request.add({
      resolved: async (config) =>
        config.url.href === TOKEN_URI ? Object.assign(config, { url: new URL(tokenUri) }) : config,
    });
  }
  const keyId = text(key['private_key_id']);
  const universe = text(key['universe_domain']);
  const quotaProject = text(key['quota_project_id']);
  return new sdk.JWT({
    email,
    key: privateKey,
    scopes: [SCOPE],
    transporter,
    ...(keyId !== undefined && { keyId }),
    ...(universe !== undefined && { universeDomain: universe }),
    ...(quotaProject !== undefined && { quotaProjectId: quotaProject }),
  });
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
