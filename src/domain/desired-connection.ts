import type { SecretReference } from './secret-reference.ts';

export type DesiredConnection =
  | { readonly kind: 'uri'; readonly uri: SecretReference; readonly slot: string | undefined }
  | {
      readonly kind: 'parameters';
      readonly host: string;
      readonly port: number;
      readonly user: string | undefined;
      readonly database: string | undefined;
      readonly password: SecretReference | undefined;
      readonly sslmode: 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full' | undefined;
      readonly sslrootcert: string | undefined;
      readonly sslcert?: string | undefined;
      readonly sslkey?: string | undefined;
      readonly slot: string | undefined;
    };
