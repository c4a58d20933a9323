import type { DesiredDaemon, DesiredHttp } from '../../domain/desired-daemon.ts';
import { parseDuration } from '../../domain/duration.ts';
import type { Daemon, Http, Metrics } from '../generated/documents.ts';
import { DEFAULTS } from './defaults.ts';
import { optional, type ResolvePath, toSecret } from './reference.ts';

type Spec = Daemon['spec'];

/** The daemon's settings; from an empty `spec` where there is no Daemon document. */
export function toDaemon(spec: Spec, resolve: ResolvePath): DesiredDaemon {
  const { daemon } = DEFAULTS;
  return {
    stateDirectory: spec.stateDirectory ?? daemon.stateDirectory,
    socket: spec.socket ?? daemon.socket,
    interval: optional(spec.interval, parseDuration) ?? daemon.interval,
    shutdownGrace: optional(spec.shutdownGrace, parseDuration) ?? daemon.shutdownGrace,
    http: optional(spec.http, (http) => toHttp(http, resolve)),
    concurrency: { ...daemon.concurrency, ...spec.concurrency },
    stateFile: spec.stateFile,
    maintenanceFile: spec.maintenanceFile,
    alerts: optional(spec.alerts, ({ directory, uploadRetries = daemon.uploadRetries }) => ({
      directory,
      uploadRetries,
    })),
    log: {
      level: spec.log?.level ?? daemon.log.level,
      format: spec.log?.format ?? daemon.log.format,
      syslog: optional(spec.log?.syslog, ({ address, facility = daemon.log.facility }) => ({ address, facility })),
    },
    metrics: toMetrics(spec.metrics ?? {}),
  };
}

function toHttp({ listen, tls, auth }: Http, resolve: ResolvePath): DesiredHttp {
  const colon = listen.lastIndexOf(':');
  return {
    host: listen.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
    port: Number(listen.slice(colon + 1)),
    tls: optional(tls, ({ certificate, key }) => ({
      certificate: toSecret(certificate, resolve),
      key: toSecret(key, resolve),
    })),
    auth: optional(auth, ({ username, password }) => ({ username, password: toSecret(password, resolve) })),
  };
}

function toMetrics({ prometheus, pushgateway, statsd }: Metrics): DesiredDaemon['metrics'] {
  const { daemon } = DEFAULTS;
  return {
    prometheus: optional(prometheus, ({ labels = {} }) => ({ labels })),
    pushgateway: optional(pushgateway, ({ url, job = daemon.pushgateway.job, instance, labels = {} }) => ({
      url,
      job,
      instance,
      labels,
    })),
    statsd: optional(statsd, (target) => ({
      host: target.host ?? daemon.statsd.host,
      port: target.port ?? daemon.statsd.port,
      format: target.format ?? daemon.statsd.format,
      tags: target.tags ?? {},
    })),
  };
}
