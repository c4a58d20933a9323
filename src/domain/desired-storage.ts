import type { Bytes } from './bytes.ts';
import type { Duration } from './duration.ts';
import type { SecretReference } from './secret-reference.ts';

/** The place behind a repository. Every type is declared, validated and carried; the storage layer's factory refuses the ones it cannot open yet. */
export type DesiredStorage =
  | { readonly type: 'local'; readonly directory: string }
  | DesiredS3
  | DesiredGcs
  | DesiredAzure
  | DesiredSwift
  | DesiredSftp;

/** How to reach a service over the network. */
interface Network {
  /** Verify false accepts any certificate; `ca` is a PEM file that replaces the system's authorities. */
  readonly tls: { readonly verify: boolean; readonly ca: string | undefined };
  readonly proxy: DesiredProxy | undefined;
}

export interface DesiredProxy {
  readonly type: 'http' | 'socks5';
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: SecretReference | undefined;
}

export interface DesiredS3 extends Network {
  readonly type: 's3';
  readonly bucket: string;
  readonly region: string;
  /** Undefined: AWS itself. */
  readonly endpoint: string | undefined;
  readonly forcePathStyle: boolean;
  readonly dualStack: boolean;
  /** Undefined: the SDK's own chain (role, profile, environment). */
  readonly credentials:
    | {
        readonly accessKeyId: SecretReference;
        readonly secretAccessKey: SecretReference;
        readonly sessionToken: SecretReference | undefined;
      }
    | undefined;
  readonly serverSideEncryption: 'AES256' | 'aws:kms' | undefined;
  readonly kmsKeyId: string | undefined;
  readonly storageClass: string | undefined;
  readonly objectLock: { readonly mode: 'governance' | 'compliance'; readonly for: Duration } | undefined;
  readonly partSize: Bytes | undefined;
  readonly connectTimeout: Duration | undefined;
  readonly readTimeout: Duration | undefined;
  readonly userAgent: string | undefined;
}

export interface DesiredGcs extends Network {
  readonly type: 'gcs';
  readonly bucket: string;
  readonly project: string | undefined;
  readonly endpoint: string | undefined;
  /** The JSON key of a service account; undefined: application default credentials. */
  readonly keyFile: SecretReference | undefined;
}

export interface DesiredAzure extends Network {
  readonly type: 'azure';
  readonly account: string;
  readonly container: string;
  readonly cloud: 'public' | 'us-government' | 'china' | 'germany';
  readonly endpoint: string | undefined;
  /** Undefined: the identity of the machine or workload. */
  readonly credentials:
    | { readonly kind: 'account-key'; readonly accountKey: SecretReference }
    | { readonly kind: 'sas-token'; readonly sasToken: SecretReference }
    | undefined;
}

export interface DesiredSwift extends Network {
  readonly type: 'swift';
  readonly container: string;
  readonly authUrl: string;
  readonly authVersion: 1 | 2 | 3;
  readonly credentials: {
    readonly user: string | undefined;
    readonly userId: string | undefined;
    readonly key: SecretReference;
  };
  readonly tenant: NameOrId | undefined;
  readonly project:
    | (NameOrId & { readonly domainName: string | undefined; readonly domainId: string | undefined })
    | undefined;
  readonly userDomainName: string | undefined;
  readonly userDomainId: string | undefined;
  readonly region: string | undefined;
  readonly serviceType: string | undefined;
  readonly endpointType: 'public' | 'internal' | 'admin' | undefined;
  /** Larger objects are stored in segments of this size. */
  readonly segmentSize: Bytes;
}

interface NameOrId {
  readonly name: string | undefined;
  readonly id: string | undefined;
}

export interface DesiredSftp {
  readonly type: 'sftp';
  readonly host: string;
  readonly port: number;
  readonly directory: string;
  /** Accepted fingerprints (`SHA256:…`); none: the host must be in `knownHosts`. */
  readonly hostKeys: readonly string[];
  /** Undefined: the user's own known_hosts file. */
  readonly knownHosts: string | undefined;
  readonly credentials: {
    readonly username: string;
    readonly password: SecretReference | undefined;
    readonly privateKey: SecretReference | undefined;
    readonly passphrase: SecretReference | undefined;
  };
}

/** A POST for every object that is created or deleted. */
export interface DesiredNotification {
  readonly url: string;
}
