import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { formatDuration } from '../../../src/domain/duration.ts';
import { DEFAULTS } from '../../../src/policy/convert/defaults.ts';
import { bundleSchema, readSchema } from '../../../src/policy/read-schema.ts';
import { isSchema, SCHEMA_NAMES, type Schema } from '../../../src/policy/schema-files.ts';

const FOLDER = new URL('../../../schema/', import.meta.url);
const FILES = readdirSync(FOLDER).sort();

function parse(file: string): Schema {
  const parsed: unknown = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'));
  if (!isSchema(parsed)) throw new Error(`${file} is no schema`);
  return parsed;
}

function* partsOf(value: unknown, path = '#'): Generator<readonly [string, Schema]> {
  if (Array.isArray(value)) for (const [index, inner] of value.entries()) yield* partsOf(inner, `${path}/${index}`);
  if (!isSchema(value)) return;
  yield [path, value];
  for (const [key, inner] of Object.entries(value))
    if (key !== 'examples' && key !== 'default') yield* partsOf(inner, `${path}/${key}`);
}

function ajv(): Ajv {
  return new Ajv({ allErrors: true, strict: false, discriminator: true });
}

describe.each(FILES)('%s', (file) => {
  const schema = parse(file);

  it('is a draft-07 schema under its own name', () => {
    expect(schema['$schema']).toBe('http://json-schema.org/draft-07/schema#');
    expect(schema['$id']).toBe(file);
    expect(ajv().validateSchema(schema)).toBe(true);
  });

  it('refers only to what exists', () => {
    for (const [, part] of partsOf(schema)) {
      if (typeof part['$ref'] !== 'string') continue;
      const [target = '', pointer = ''] = part['$ref'].split('#');
      let found: unknown = parse(target === '' ? file : target);
      for (const step of pointer.split('/').slice(1)) found = isSchema(found) ? found[step] : undefined;
      expect(found, part['$ref']).toBeDefined();
    }
  });

  it('names its defaults in the descriptions that people read', () => {
    for (const [path, part] of partsOf(schema)) {
      if (!('default' in part) || path.includes('timeZone')) continue;
      expect(String(part['description']), path).toContain(`efault: ${String(part['default'])}`);
    }
  });
});

describe('policy schemas', () => {
  const POLICY_FILES = ['common', 'site', 'repository', 'policy', 'restore-target', 'daemon'].map(
    (stem) => `${stem}.schema.json`,
  );

  it.each(POLICY_FILES)('%s allows no unknown key and describes every part', (file) => {
    for (const [path, part] of partsOf(parse(file))) {
      if (
        isSchema(part['properties']) &&
        part['type'] === 'object' &&
        !path.endsWith('then') &&
        !path.endsWith('else')
      ) {
        expect(part['additionalProperties'], path).toBe(false);
      }
      const names =
        isSchema(part['properties']) && part['additionalProperties'] === false ? Object.keys(part['properties']) : [];
      for (const name of names) expect(name).toMatch(/^[a-z][A-Za-z0-9]*$/);
    }
  });

  it.each(['Site', 'Repository', 'Policy', 'RestoreTarget', 'Daemon'])('%s has examples that are valid', (kind) => {
    const schema = JSON.parse(readSchema(kind)) as { readonly examples: readonly unknown[] };
    const validate = ajv().compile(schema);
    for (const example of schema.examples) expect(validate(example), JSON.stringify(validate.errors)).toBe(true);
  });

  it('is chosen by kind in the aggregate', () => {
    const validate = ajv().compile(bundleSchema('hoard'));
    const daemon = { apiVersion: 'hoard/v1', kind: 'Daemon', metadata: { name: 'x' }, spec: {} };
    expect(validate(daemon)).toBe(true);
    expect(validate({ ...daemon, kind: 'Site' })).toBe(false);
  });
});

describe('readSchema', () => {
  it.each(SCHEMA_NAMES)('%s stands alone', (name) => {
    const text = readSchema(name);
    expect(text).not.toMatch(/"\$ref": "[^#]/);
    expect(() => ajv().compile(JSON.parse(text))).not.toThrow();
  });

  it('takes kinds as documents name them and suggests names for others', () => {
    expect(readSchema('RestoreTarget')).toBe(readSchema('restore-target'));
    expect(() => readSchema('policies')).toThrow('there is no schema named "policies"');
  });
});

describe('defaults', () => {
  const at = (file: string, ...path: readonly string[]): unknown => {
    let found: unknown = parse(file);
    for (const step of path)
      found = isSchema(found)
        ? (found[step] ?? (isSchema(found['properties']) ? found['properties'][step] : undefined))
        : undefined;
    return isSchema(found) ? found['default'] : undefined;
  };
  const policy = (...path: readonly string[]): unknown => at('policy.schema.json', 'spec', ...path);
  const storage = (name: string, key: string): unknown =>
    at('repository.schema.json', 'definitions', `${name}Storage`, key);
  const target = (name: string): unknown => at('restore-target.schema.json', 'definitions', name);
  const daemon = (...path: readonly string[]): unknown => at('daemon.schema.json', 'spec', ...path);

  it('are those that the schemas tell', () => {
    expect({
      site: { mode: at('site.schema.json', 'spec', 'mode') },
      backup: {
        method: policy('backup', 'method'),
        from: policy('backup', 'from'),
        checksums: policy('backup', 'checksums'),
      },
      retention: {
        minimum: policy('retention', 'minimum'),
        prune: policy('retention', 'prune'),
        budgetPercent: policy('retention', 'budget', 'percent'),
      },
      connection: { port: at('common.schema.json', 'definitions', 'connection', 'port') },
      tls: { verify: at('common.schema.json', 'definitions', 'tls', 'verify') },
      s3: { forcePathStyle: storage('s3', 'forcePathStyle'), dualStack: storage('s3', 'dualStack') },
      azure: { cloud: storage('azure', 'cloud') },
      sftp: { port: storage('sftp', 'port') },
      recovery: { inclusive: target('inclusive'), timeline: target('timeline'), action: target('action') },
      target: { start: target('start') },
    }).toEqual({
      site: DEFAULTS.site,
      backup: DEFAULTS.backup,
      retention: DEFAULTS.retention,
      connection: DEFAULTS.connection,
      tls: DEFAULTS.tls,
      s3: DEFAULTS.s3,
      azure: DEFAULTS.azure,
      sftp: DEFAULTS.sftp,
      recovery: DEFAULTS.recovery,
      target: DEFAULTS.target,
    });
    expect([policy('wal', 'method'), policy('wal', 'require'), policy('wal', 'pauseBelow', 'checkEvery')]).toEqual([
      DEFAULTS.wal.method,
      DEFAULTS.wal.require,
      formatDuration(DEFAULTS.wal.checkEvery),
    ]);
    expect([storage('swift', 'authVersion'), storage('swift', 'segmentSize')]).toEqual([
      DEFAULTS.swift.authVersion,
      '3GiB',
    ]);
    expect(DEFAULTS.swift.segmentSize).toBe(3 * 1024 ** 3);
    expect(at('restore-target.schema.json', 'definitions', 'check', 'timeout')).toBe(
      formatDuration(DEFAULTS.check.timeout),
    );
  });

  it('of the daemon are those that its schema tells', () => {
    const { daemon: values } = DEFAULTS;
    const concurrency = Object.fromEntries(
      Object.keys(values.concurrency).map((key) => [key, daemon('concurrency', key)]),
    );
    expect(concurrency).toEqual(values.concurrency);
    expect(['stateDirectory', 'socket', 'interval', 'shutdownGrace'].map((key) => daemon(key))).toEqual([
      values.stateDirectory,
      values.socket,
      formatDuration(values.interval),
      formatDuration(values.shutdownGrace),
    ]);
    expect([
      daemon('alerts', 'uploadRetries'),
      daemon('log', 'level'),
      daemon('log', 'format'),
      daemon('log', 'syslog', 'facility'),
    ]).toEqual([values.uploadRetries, values.log.level, values.log.format, values.log.facility]);
    const metrics = (...path: readonly string[]): unknown =>
      at('daemon.schema.json', 'definitions', 'metrics', ...path);
    expect([
      metrics('pushgateway', 'job'),
      metrics('statsd', 'host'),
      metrics('statsd', 'port'),
      metrics('statsd', 'format'),
    ]).toEqual([values.pushgateway.job, values.statsd.host, values.statsd.port, values.statsd.format]);
  });
});

describe('generated types', () => {
  it('are those of the schemas', () => {
    const script = fileURLToPath(new URL('../../../scripts/generate-types.ts', import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});
