import type { Duration } from './duration.ts';
import type { SecretReference } from './secret-reference.ts';

/** How the long-running process behaves; also where every command finds the socket and the state directory. */
export interface DesiredDaemon {
  /** Spool, caches, state; all of it can be lost without harm. */
  readonly stateDirectory: string;
  readonly socket: string;
  /** Pause between two passes. */
  readonly interval: Duration;
  /** How long running work may finish after SIGTERM. */
  readonly shutdownGrace: Duration;
  readonly http: DesiredHttp | undefined;
  readonly concurrency: {
    readonly backups: number;
    readonly transfers: number;
    readonly workers: number;
    readonly restores: number;
    /** How many WAL segments are fetched ahead of recovery. */
    readonly prefetch: number;
  };
  readonly stateFile: string | undefined;
  /** While this file exists no backup is started. */
  readonly maintenanceFile: string | undefined;
  readonly alerts: { readonly directory: string; readonly uploadRetries: number } | undefined;
  readonly log: {
    readonly level: 'debug' | 'info' | 'warning' | 'error';
    readonly format: 'text' | 'json';
    readonly syslog: { readonly address: string; readonly facility: string } | undefined;
  };
  readonly metrics: {
    readonly prometheus: { readonly labels: Labels } | undefined;
    readonly pushgateway:
      | { readonly url: string; readonly job: string; readonly instance: string | undefined; readonly labels: Labels }
      | undefined;
    readonly statsd:
      | { readonly host: string; readonly port: number; readonly format: 'telegraf' | 'datadog'; readonly tags: Labels }
      | undefined;
  };
}

type Labels = Readonly<Record<string, string>>;

export interface DesiredHttp {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly certificate: SecretReference; readonly key: SecretReference } | undefined;
  readonly auth: { readonly username: string; readonly password: SecretReference } | undefined;
}
