import { describe, expect, it } from 'vitest';
import { brief, check, document, fleet } from './check-text.ts';

function found(text: string): readonly string[] {
  return check(text).diagnostics.map(brief);
}

const policy = (spec: string): string => document('Policy', 'daily', spec);
const repository = (spec: string): string => document('Repository', 'vault', spec);
const site = (spec: string): string => fleet({ site: document('Site', 'shop', spec) });
const target = (spec: string): string => fleet({ more: document('RestoreTarget', 'copy', spec) });
const DURATION = 'a duration above zero such as 30s, 15m, 6h, 14d or 2w';

describe('valid documents', () => {
  it('have no diagnostics', () => {
    expect(found(fleet())).toEqual([]);
  });

  it('may be empty, commented or marked with a byte order mark', () => {
    expect(found(`# only a comment\n---\n---\n${fleet()}---\n# the end\n`)).toEqual([]);
  });

  it('may have Windows line ends', () => {
    expect(found(fleet().replaceAll('\n', '\r\n'))).toEqual([]);
  });
});

describe('YAML', () => {
  it.each<[string, string, readonly string[]]>([
    [
      'a tab',
      'a:\n\tb: 1\n',
      ['2:1-2:2 HRD002 tabs do not indent in YAML | indent with spaces, the keys of one mapping in the same column'],
    ],
    [
      'an open quote',
      'kind: "Site\n',
      [
        '2:1-2:1 HRD002 a quote, bracket, brace, colon, comma or space is missing | look at this line and the ones above it',
      ],
    ],
    ['a tag', policy('backup: !important {}'), ['5:11-5:21 HRD002 the tag is not known | leave the tag out']],
    [
      'an alias of nothing',
      policy('backup: *none'),
      ['5:11-5:16 HRD002 the alias names an anchor that is not set before it | write the values out'],
    ],
  ])('%s', (_, text, expected) => {
    expect(found(text)).toEqual(expected);
  });

  it('accepts aliases within reason', () => {
    const text = policy('backup: &backup\n  schedule: &when { every: 1d }\n  method: auto\nretention: { window: 7d }');
    expect(found(`${text}---\n${document('RestoreTarget', 'x', 'site: y')}`)).not.toContainEqual(
      expect.stringContaining('HRD002'),
    );
  });

  it('refuses bombs of aliases and circles', () => {
    const levels = Array.from(
      { length: 12 },
      (_, level) => `l${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(', ')}]`,
    );
    expect(found(`l0: &l0 [x]\n${levels.join('\n')}\n`)[0]).toContain(
      'HRD002 aliases contain themselves or stand for more than 100 copies',
    );
    expect(found(policy('wal: &wal { require: *wal }'))).toHaveLength(1);
  });

  it('refuses nesting that would overflow the stack', () => {
    for (const text of [
      '['.repeat(60_000),
      `a: ${'['.repeat(60_000)}`,
      `${'- '.repeat(60_000)}x`,
      '{a: '.repeat(60_000),
    ]) {
      expect(check(text).diagnostics.map(({ code }) => code)).toContain('HRD002');
    }
  });

  it('points at the second of two equal keys and checks the rest too', () => {
    expect(found(policy('backup: {}\nwal: { method: nun }\nbackup: {}'))).toEqual([
      '6:18-6:21 HRD009 spec.wal.method: expected archive-command, stream, pg-receivewal or none, found "nun"',
      '7:3-7:9 HRD003 the key "backup" stands twice in the same mapping | remove or merge one of the two',
    ]);
  });
});

describe('the envelope', () => {
  it.each<[string, string, readonly string[]]>([
    [
      'a list',
      '- 1\n',
      [
        '1:1-1:4 HRD004 a policy document is a mapping with apiVersion, kind, metadata and spec | see the schema: hoard schema hoard',
      ],
    ],
    [
      'a scalar',
      'hello\n',
      [
        '1:1-1:6 HRD004 a policy document is a mapping with apiVersion, kind, metadata and spec | see the schema: hoard schema hoard',
      ],
    ],
    [
      'no kind',
      'apiVersion: hoard/v1\n',
      ['1:1-1:11 HRD004 the document has no kind | add kind: Site, Repository, Policy, RestoreTarget or Daemon'],
    ],
    [
      'a misspelt kind key',
      'apiVersion: hoard/v1\nknd: Site\n',
      ['2:1-2:4 HRD006 unknown key "knd" in the document | did you mean kind?'],
    ],
    [
      'a misspelt kind',
      policy('{}').replace('Policy', 'Polcy').replace('spec:\n  {}', 'spec: {}'),
      [
        '2:7-2:12 HRD005 kind: expected Site, Repository, Policy, RestoreTarget or Daemon, found "Polcy" | did you mean Policy?',
      ],
    ],
    [
      'a foreign kind',
      'apiVersion: apps/v1\nkind: Deployment\n',
      ['2:7-2:17 HRD005 kind: expected Site, Repository, Policy, RestoreTarget or Daemon, found "Deployment"'],
    ],
    [
      'a later version',
      policy('wal: {}').replace('hoard/v1', 'hoard/v2'),
      ['1:13-1:21 HRD004 apiVersion is "hoard/v2", which this version does not know | write apiVersion: hoard/v1'],
    ],
    [
      'no spec',
      'apiVersion: hoard/v1\nkind: Daemon\nmetadata: { name: x }\n',
      ['1:1-1:11 HRD004 the document has no spec | add spec'],
    ],
    [
      'no name',
      'apiVersion: hoard/v1\nkind: Daemon\nmetadata: {}\nspec: {}\n',
      ['3:1-3:9 HRD007 metadata has no name | add name'],
    ],
    [
      'a bad name',
      'apiVersion: hoard/v1\nkind: Daemon\nmetadata: { name: Main_1 }\nspec: {}\n',
      [
        '3:19-3:25 HRD009 metadata.name: expected a name of at most 63 lower-case letters, digits and hyphens that begins and ends with a letter or digit, found "Main_1"',
      ],
    ],
  ])('%s', (_, text, expected) => {
    expect(found(text)).toEqual(expected);
  });
});

describe('the schema', () => {
  it.each<[string, string, readonly string[]]>([
    [
      'a misspelt key',
      policy('backup:\n  shedule: { cron: "0 2 * * *" }'),
      ['6:5-6:12 HRD006 unknown key "shedule" in spec.backup | did you mean schedule?'],
    ],
    [
      'a misspelt required key',
      repository('storage: { type: local, directry: x }'),
      ['5:27-5:35 HRD006 unknown key "directry" in spec.storage | did you mean directory?'],
    ],
    [
      'a misspelt tag',
      repository('storage: { typ: local, directory: x }'),
      ['5:14-5:17 HRD006 unknown key "typ" in spec.storage | did you mean type?'],
    ],
    [
      'a misspelt one of two',
      policy('backup: { schedule: { corn: "0 2 * * *" } }'),
      ['5:25-5:29 HRD006 unknown key "corn" in spec.backup.schedule | did you mean cron?'],
    ],
    [
      'a misspelt other of two',
      policy('backup: { schedule: { evry: 6h, at: "01:30" } }'),
      ['5:25-5:29 HRD006 unknown key "evry" in spec.backup.schedule | did you mean every?'],
    ],
    [
      'a key in the wrong place',
      policy('schedule: {}'),
      ['5:3-5:11 HRD006 unknown key "schedule" in spec | schedule belongs in spec.backup'],
    ],
    [
      'a key that is nowhere',
      policy('wal: { zebra: 1 }'),
      ['5:10-5:15 HRD006 unknown key "zebra" in spec.wal | possible here: method, require, partial, pauseBelow'],
    ],
    [
      'a key beside the right one',
      policy('wal: { methd: none, method: none }'),
      ['5:10-5:15 HRD006 unknown key "methd" in spec.wal | method is there already; remove one of the two'],
    ],
    [
      'a merge key',
      policy('wal: { <<: {} }'),
      ['5:10-5:12 HRD006 unknown key "<<" in spec.wal | merge keys are not part of YAML 1.2; write the keys out'],
    ],
    ['a missing tag', repository('storage: { directory: x }'), ['5:3-5:10 HRD007 spec.storage has no type | add type']],
    [
      'a wrong tag',
      repository('storage: { type: S3, bucket: x }'),
      [
        '5:20-5:22 HRD009 spec.storage.type: expected local, s3, gcs, azure, swift or sftp, found "S3" | did you mean s3?',
      ],
    ],
    [
      'a tag that is no text',
      repository('storage: { type: 3 }'),
      ['5:20-5:21 HRD009 spec.storage.type: expected local, s3, gcs, azure, swift or sftp, found 3'],
    ],
    [
      'a missing key',
      repository('storage: { type: s3, bucket: x }'),
      ['5:3-5:10 HRD007 spec.storage has no region | add region'],
    ],
    [
      'an enum',
      policy('backup: { method: steam }'),
      [
        '5:21-5:26 HRD009 spec.backup.method: expected auto, local, sql or stream, found "steam" | did you mean stream?',
      ],
    ],
    [
      'a choice',
      policy('wal: { require: 0 }'),
      ['5:19-5:20 HRD009 spec.wal.require: expected all, or a number of repositories from 1, found 0'],
    ],
    [
      'a pattern',
      policy('retention: { window: 2 weeks }'),
      [`5:24-5:31 HRD009 spec.retention.window: expected ${DURATION}, found "2 weeks"`],
    ],
    [
      'a type',
      policy('retention: { window: 14 }'),
      [`5:24-5:26 HRD008 spec.retention.window: expected ${DURATION}, found 14`],
    ],
    [
      'zero',
      policy('retention: { window: 0d }'),
      [`5:24-5:26 HRD009 spec.retention.window: expected ${DURATION}, found "0d"`],
    ],
    [
      'an empty value',
      policy('retention:\n  window:\n  minimum: 1'),
      [`6:5-6:11 HRD008 spec.retention.window: expected ${DURATION}, found nothing`],
    ],
    [
      'an empty mapping',
      policy('retention: { keep: {} }'),
      [
        '5:16-5:20 HRD007 spec.retention.keep needs at least one of last, within, hourly, daily, weekly, monthly and yearly',
      ],
    ],
    ['a list for a mapping', policy('wal: []'), ['5:8-5:10 HRD008 spec.wal: expected a mapping, found an empty list']],
    [
      'a mapping for a text',
      policy('backup: { method: {} }'),
      ['5:21-5:23 HRD008 spec.backup.method: expected auto, local, sql or stream, found a mapping'],
    ],
    [
      'exclusive keys',
      policy('backup: { schedule: { cron: "0 2 * * *", every: 1d } }'),
      ['5:25-5:29 HRD010 contradictory keys in spec.backup.schedule: cron and every exclude each other'],
    ],
    [
      'a key of the other form',
      policy('backup: { schedule: { cron: "0 2 * * *", at: "01:30" } }'),
      [
        '5:44-5:46 HRD010 contradictory keys in spec.backup.schedule: at goes with every; with cron the time is part of the expression',
      ],
    ],
    [
      'neither of two keys',
      site('policy: daily\nrepositories: [vault]\nconnections: [{ port: 5432 }]'),
      ['20:19-20:23 HRD007 spec.connections[0] has neither uri nor host | add uri or host'],
    ],
    [
      'parts beside a uri',
      site('policy: daily\nrepositories: [vault]\nconnections: [{ uri: { fromEnv: X }, host: db }]'),
      ['20:40-20:44 HRD010 contradictory keys in spec.connections[0]: host is part of the uri'],
    ],
    [
      'an empty list',
      site('policy: daily\nrepositories: []\nconnections: [{ host: db }]'),
      [
        '19:17-19:19 HRD009 spec.repositories: expected a list of at least one repository name, each once, found an empty list',
      ],
    ],
    [
      'a name twice',
      site('policy: daily\nrepositories: [vault, vault]\nconnections: [{ host: db }]'),
      ['19:25-19:30 HRD009 the same item stands twice in spec.repositories | remove one of the two'],
    ],
    [
      'two targets',
      target('{ site: shop, role: clone, host: a, dataDirectory: /x, recovery: { lsn: 0/1, xid: 7 } }'),
      ['26:80-26:83 HRD010 contradictory keys in spec.recovery: lsn and xid exclude each other'],
    ],
    [
      'inclusive without a point',
      target('{ site: shop, role: clone, host: a, dataDirectory: /x, recovery: { inclusive: false } }'),
      ['26:70-26:79 HRD010 contradictory keys in spec.recovery: inclusive goes with time, lsn or xid'],
    ],
    [
      'random outside a drill',
      target('{ site: shop, role: clone, host: a, dataDirectory: /x, recovery: { time: random } }'),
      [
        '26:76-26:82 HRD009 spec.recovery.time: expected a time with a zone such as 2026-11-20T14:05:00Z or 2026-11-20T15:05:00+01:00, found "random"',
      ],
    ],
    [
      'a time without a zone',
      target('{ site: shop, role: drill, host: a, recovery: { time: "2026-11-20 14:05" } }'),
      [
        '26:57-26:75 HRD009 spec.recovery.time: expected random, or a time with a zone such as 2026-11-20T14:05:00Z, found "2026-11-20 14:05"',
      ],
    ],
    [
      'a check without a test',
      target('{ site: shop, role: drill, host: a, checks: [{ name: x, database: y }] }'),
      ['26:50-26:54 HRD007 spec.checks[0] has neither sql nor amcheck | add sql or amcheck'],
    ],
    [
      'a relative data directory',
      target('{ site: shop, role: clone, host: a, dataDirectory: data }'),
      [
        '26:54-26:58 HRD009 spec.dataDirectory: expected an absolute path such as /var/lib/postgresql/17/main, found "data"',
      ],
    ],
    [
      'a level without a meaning',
      repository('storage: { type: local, directory: x }\ncompression: { algorithm: snappy, level: 3 }'),
      ['6:37-6:42 HRD010 contradictory keys in spec.compression: only zstd and lzma have a level'],
    ],
    [
      'a level of another algorithm',
      repository('storage: { type: local, directory: x }\ncompression: { algorithm: lzma, level: 12 }'),
      ['6:42-6:44 HRD009 spec.compression.level: expected a whole number from 0 to 9 for lzma, found 12'],
    ],
    [
      'a bad label name',
      document('Daemon', 'd', 'metrics: { prometheus: { labels: { "a b": x } } }'),
      [
        '5:38-5:43 HRD009 a key of spec.metrics.prometheus.labels is not allowed | expected a label name of letters, digits and underscores',
      ],
    ],
    [
      'two sources of a secret',
      document(
        'Daemon',
        'd',
        'http: { listen: "[::1]:1", auth: { username: x, password: { fromEnv: A, fromFile: b } } }',
      ),
      ['5:51-5:59 HRD010 spec.http.auth.password needs exactly one of fromEnv, fromFile and fromExec'],
    ],
    [
      'a misspelt source',
      document('Daemon', 'd', 'http: { listen: "[::1]:1", auth: { username: x, password: { fromEvn: A } } }'),
      ['5:63-5:70 HRD006 unknown key "fromEvn" in spec.http.auth.password | did you mean fromEnv?'],
    ],
  ])('%s', (_, text, expected) => {
    expect(found(text)).toEqual(expected);
  });

  it('reports everything at once, in every document', () => {
    const codes = found(
      `${policy('backup: { method: x }\nwal: { requir: 1 }')}---\n${repository('storage: { type: local }\nprefix: /a/')}`,
    );
    expect(codes.map((text) => text.slice(0, text.indexOf(' H') + 7))).toEqual([
      '5:21-5:22 HRD009',
      '6:10-6:16 HRD006',
      '12:3-12:10 HRD007',
      '13:11-13:14 HRD009',
    ]);
  });

  it('follows aliases to the value that is wrong', () => {
    const text = policy('retention:\n  window: &length 2x\n  keep: { within: *length }');
    expect(found(text).map((line) => line.slice(0, 16))).toEqual(
      ['6:21-6:23 HRD009', '7:21-7:28 HRD009'].map((line) => line.slice(0, 16)),
    );
  });

  it('keeps control characters of a policy out of its output', () => {
    const [diagnostic] = check(policy('backup: { method: "\\e[31mred" }\n"\\e]0;title\\a": 1')).diagnostics;
    // oxlint-disable-next-line no-control-regex
    expect(JSON.stringify(diagnostic)).not.toMatch(/\\u001b/);
  });
});
