import type { SecretResolver } from '../policy/secret-resolver.ts';
import type { Clock } from '../telemetry/effects.ts';
import type { Reporter } from '../telemetry/reporter.ts';

/** What opening a store needs from outside; every driver gets it. */
export interface StorageContext {
  readonly secrets: SecretResolver;
  /** For what we read of it ourselves; the credential chains of SDKs read the process's own. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly reporter: Reporter;
}
