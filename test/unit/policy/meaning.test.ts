import { describe, expect, it } from 'vitest';
import { brief, check, document, fleet } from './check-text.ts';

function found(...texts: readonly string[]): readonly string[] {
  return check(...texts).diagnostics.map(brief);
}

const policy = (spec: string): string => fleet({ policy: document('Policy', 'daily', spec) });
const site = (spec: string): string => fleet({ site: document('Site', 'shop', spec) });
const more = (...documents: readonly string[]): string => fleet({ more: documents.join('---\n') });
const CONNECTIONS = 'connections: [{ uri: { fromEnv: OTHER } }]';
const S3 = 'storage: { type: s3, region: x, bucket: b }';

describe('names', () => {
  it('are unique per kind, across files', () => {
    expect(found(fleet(), document('Repository', 'vault', 'storage: { type: local, directory: /x }'))).toEqual([
      '3:19-3:24 HRD020 there is another Repository named vault in fleet/1.yaml:1 | give one of the two another name, or remove it',
    ]);
    expect(found(fleet(), document('Site', 'daily', `policy: daily\nrepositories: [vault]\n${CONNECTIONS}`))).toEqual(
      [],
    );
  });

  it.each<[string, string, readonly string[]]>([
    [
      'a policy',
      site(`policy: daly\nrepositories: [vault]\n${CONNECTIONS}`),
      ['18:11-18:15 HRD021 there is no Policy named "daly" | did you mean daily?'],
    ],
    [
      'a repository',
      site(`policy: daily\nrepositories: [vault, attic]\n${CONNECTIONS}`),
      ['19:25-19:30 HRD021 there is no Repository named "attic" | there is: vault'],
    ],
    [
      'another kind',
      site(`policy: vault\nrepositories: [vault]\n${CONNECTIONS}`),
      ['18:11-18:16 HRD021 there is no Policy named "vault", only a Repository | there is: daily'],
    ],
    [
      'a site',
      more(document('RestoreTarget', 'copy', '{ site: shopp, role: drill, host: a }')),
      ['26:11-26:16 HRD021 there is no Site named "shopp" | did you mean shop?'],
    ],
    [
      'a repository of another site',
      more(
        document('RestoreTarget', 'copy', '{ site: shop, role: drill, host: a, repositories: [attic] }'),
        document('Repository', 'attic', S3),
      ),
      ['26:54-26:59 HRD021 the site shop does not use the repository attic | it uses vault'],
    ],
    [
      'itself as predecessor',
      site(`policy: daily\nrepositories: [vault]\n${CONNECTIONS}\nmovedFrom: [shop]`),
      [
        '21:15-21:19 HRD020 a site cannot have moved from itself | backups and WAL belong to one site: remove one of the two',
      ],
    ],
  ])('a reference to %s', (_, text, expected) => {
    expect(found(text)).toEqual(expected);
  });

  it('are looked for in all files, and not at all while a file cannot be read', () => {
    const [repository = '', rules = '', shop = ''] = fleet().split('---\n');
    expect(found(shop, rules, repository)).toEqual([]);
    expect(found(shop, `${rules}x: [`, repository).filter((text) => text.includes('HRD021'))).toEqual([]);
  });

  it('still count where their document has mistakes', () => {
    expect(found(policy('wal: { methd: none }'))).toHaveLength(1);
    expect(found(fleet().replace('kind: Policy', 'kind: Polcy'))).toHaveLength(1);
  });

  it('allow one Daemon', () => {
    expect(found(document('Daemon', 'a', '{}'), document('Daemon', 'b', '{}'))).toEqual([
      '2:7-2:13 HRD030 there is another Daemon in fleet/1.yaml:1 | keep one',
    ]);
  });
});

describe('places', () => {
  const two = (first: string, second: string): string =>
    `${fleet({ site: document('Site', 'shop', `policy: daily\nrepositories: [vault, second]\n${CONNECTIONS}`), repository: document('Repository', 'vault', first) })}---\n${document('Repository', 'second', second)}`;

  it.each<[string, string, string]>([
    [
      'local folders',
      'storage: { type: local, directory: ./vault/ }',
      'storage: { type: local, directory: /fleet/vault }',
    ],
    ['buckets', S3, 'storage: { type: s3, region: y, bucket: b }'],
    ['prefixes', `${S3}\nprefix: a`, `${S3}\nprefix: a`],
  ])('two equal %s are no two copies', (_, first, second) => {
    expect(found(two(first, second)).filter((text) => text.includes('HRD022'))).toEqual([
      expect.stringContaining('HRD022 the repositories vault and second store in the same place'),
    ]);
  });

  it.each<[string, string, string]>([
    ['folders', 'storage: { type: local, directory: ./vault }', 'storage: { type: local, directory: ./vault2 }'],
    ['prefixes', `${S3}\nprefix: a`, `${S3}\nprefix: b`],
    ['endpoints', S3, 'storage: { type: s3, region: x, bucket: b, endpoint: "https://minio" }'],
  ])('two different %s are', (_, first, second) => {
    expect(found(two(first, second))).toEqual([]);
  });

  it('two repositories in one place are doubtful where different sites use them', () => {
    const other = document('Site', 'other', `policy: daily\nrepositories: [b]\n${CONNECTIONS}`);
    expect(found(more(document('Repository', 'a', S3), document('Repository', 'b', S3), other))).toEqual([
      '32:3-32:10 HRD105 the repository a (fleet/1.yaml:22) stores in the same place | use one name, or give one of them another prefix',
    ]);
  });

  it('two restore targets need two directories on a host', () => {
    const clone = (name: string, host: string): string =>
      document('RestoreTarget', name, `{ site: shop, role: clone, host: ${host}, dataDirectory: /srv/pg }`);
    expect(found(more(clone('a', 'lab'), clone('b', 'LAB'), clone('c', 'other')))).toEqual([
      '32:56-32:63 HRD023 the restore target a (fleet/1.yaml:22) uses this directory of host LAB too | give each restore target a directory of its own',
    ]);
  });

  it('two sites on one cluster are doubtful', () => {
    expect(
      found(
        more(
          document('Site', 'copy', 'policy: daily\nrepositories: [vault]\nconnections: [{ uri: { fromEnv: SHOP } }]'),
        ),
      ),
    ).toEqual([
      '28:19-28:22 HRD104 the site shop connects in the same way, but a cluster belongs to one site | correct the connection, or remove one of the two sites',
    ]);
  });
});

describe('schedules', () => {
  it.each<[string, string, string]>([
    ['no cron', '{ cron: hourly }', '11:31-11:37 HRD024'],
    ['a bad field', '{ cron: "0 25 * * *" }', '11:31-11:43 HRD024'],
    ['a day that never comes', '{ cron: "0 2 30 2 *" }', '11:31-11:43 HRD025'],
    ['an unknown zone', '{ cron: "0 2 * * *", timeZone: Europe/Berln }', '11:54-11:66 HRD024'],
  ])('%s', (_, schedule, expected) => {
    expect(found(policy(`backup: { schedule: ${schedule} }`)).map((text) => text.slice(0, expected.length))).toEqual([
      expected,
    ]);
  });

  it('suggest a time zone', () => {
    expect(found(policy('backup: { schedule: { cron: "0 2 * * *", timeZone: Europe/Berln } }'))[0]).toContain(
      'did you mean Europe/Berlin?',
    );
  });
});

describe('rules of a policy', () => {
  const SCHEDULE = 'backup: { schedule: { every: 1d } }';
  it.each<[string, string, readonly string[]]>([
    [
      'maximum below minimum',
      `${SCHEDULE}\nretention: { window: 1d, minimum: 3, maximum: 2 }`,
      [
        '12:49-12:50 HRD026 retention.maximum is 2, but retention.minimum wants 3 backups | raise maximum to at least 3, or lower minimum',
      ],
    ],
    [
      'maximum below keep.last',
      `${SCHEDULE}\nretention: { keep: { last: 5 }, maximum: 4 }`,
      [
        '12:44-12:45 HRD026 retention.maximum is 4, but retention.keep.last wants 5 backups | raise maximum to at least 5, or lower keep.last',
      ],
    ],
    [
      'a window without WAL',
      `${SCHEDULE}\nwal: { method: none }\nretention: { window: 7d }`,
      [
        '13:24-13:26 HRD028 a window promises every moment in it, but with wal.method none only the backups themselves can be restored | archive WAL, or say which backups to keep: keep: { within: … }',
      ],
    ],
    [
      'an rpo without WAL',
      `${SCHEDULE}\nwal: { method: none }\nretention: { keep: { last: 3 } }\nobjectives: { rpo: 1h }`,
      [
        '14:22-14:24 HRD028 with wal.method none up to 1d is lost, more than the objective of 1h | archive WAL, or take backups at least this often',
      ],
    ],
    [
      'an rpo that backups alone reach',
      `${SCHEDULE}\nwal: { method: none }\nretention: { keep: { last: 3 } }\nobjectives: { rpo: 1d }`,
      [],
    ],
    [
      'a pause without an end',
      `${SCHEDULE}\nwal: { pauseBelow: { free: 10GiB, resumeAt: 5GiB } }\nretention: { window: 1d }`,
      [
        '12:47-12:51 HRD031 wal.pauseBelow.resumeAt is less than free, so that WAL would pause and go on at the same time | set resumeAt above free',
      ],
    ],
    [
      'an rpo below what archiving gives',
      `${SCHEDULE}\nretention: { window: 1d }\nobjectives: { rpo: 30s }`,
      [
        '13:22-13:25 HRD101 an objective of 30s cannot be relied on: with wal.method archive-command only whole segments are stored | use wal.method stream',
      ],
    ],
    [
      'an rpo below partial',
      `${SCHEDULE}\nwal: { method: stream, partial: 30s }\nretention: { window: 1d }\nobjectives: { rpo: 20s }`,
      [
        '14:22-14:25 HRD101 an objective of 20s cannot be relied on: an unfinished segment is stored when it is 30s old | lower wal.partial',
      ],
    ],
    [
      'an rpo that streaming reaches',
      `${SCHEDULE}\nwal: { method: stream }\nretention: { window: 1d }\nobjectives: { rpo: 10s }`,
      [],
    ],
    [
      'a maximum that is too small for the window',
      `${SCHEDULE}\nretention: { window: 7d, maximum: 5 }`,
      [
        '12:37-12:38 HRD102 5 backups, up to 1d apart, reach back 4d, less than the window of 7d | raise maximum to at least 8, or shorten the window',
      ],
    ],
    [
      'a maximum that is one too small',
      `${SCHEDULE}\nretention: { window: 7d, maximum: 7 }`,
      [
        '12:37-12:38 HRD102 7 backups, up to 1d apart, reach back 6d, less than the window of 7d | raise maximum to at least 8, or shorten the window',
      ],
    ],
    ['a maximum that is enough', `${SCHEDULE}\nretention: { window: 7d, maximum: 8 }`, []],
    [
      'a window without a schedule',
      'retention: { window: 7d }',
      ['11:24-11:26 HRD103 a window of 7d is promised, but nothing says when backups are taken | add backup.schedule'],
    ],
    [
      'a proof without a drill',
      `${SCHEDULE}\nretention: { window: 7d }\nobjectives: { provenWithin: 7d }`,
      [
        '19:11-19:16 HRD106 the policy daily wants a proof every 7d, but no drill of shop has a schedule | declare a RestoreTarget with role drill and a schedule',
      ],
    ],
    [
      'no retention',
      SCHEDULE,
      [
        '10:1-10:5 HRD201 no retention rule is given, so that nothing is ever pruned | add retention.window, keep or maximum; or say prune: never',
      ],
    ],
    [
      'a retention without a rule',
      `${SCHEDULE}\nretention: { minimum: 2 }`,
      [
        '12:3-12:12 HRD201 no retention rule is given, so that nothing is ever pruned | add retention.window, keep or maximum; or say prune: never',
      ],
    ],
    ['a decision to keep everything', `${SCHEDULE}\nretention: { prune: never }`, []],
    [
      'backups rarer than the window',
      'backup: { schedule: { cron: "0 2 1 * *" } }\nretention: { window: 7d }',
      [
        '12:24-12:26 HRD202 backups are up to 31d apart, so up to 38d of WAL is kept for a window of 7d | take backups more often than the window is long',
      ],
    ],
  ])('%s', (_, spec, expected) => {
    expect(found(policy(spec))).toEqual(expected);
  });

  it('a drill that comes too rarely proves nothing in time', () => {
    const rules = document(
      'Policy',
      'daily',
      'backup: { schedule: { every: 1d } }\nretention: { window: 7d }\nobjectives: { provenWithin: 7d }',
    );
    const drill = (every: string): string =>
      document('RestoreTarget', 'drill', `{ site: shop, role: drill, host: a, schedule: { every: ${every} } }`);
    expect(found(fleet({ policy: rules, more: drill('7d') }))).toEqual([]);
    expect(found(fleet({ policy: rules, more: drill('8d') }))).toEqual([
      expect.stringContaining('HRD106 the policy daily wants a proof every 7d, but drills of shop are up to 8d apart'),
    ]);
  });
});

describe('sites and targets', () => {
  it('WAL cannot be in more repositories than there are', () => {
    expect(
      found(policy('backup: { schedule: { every: 1d } }\nwal: { require: 2 }\nretention: { window: 7d }')),
    ).toEqual([
      '20:17-20:24 HRD027 the policy daily demands WAL in 2 repositories, but the site has 1 | list more repositories, or set wal.require to all or to at most 1',
    ]);
  });

  it('recovery cannot stop where there is no WAL', () => {
    const rules = document(
      'Policy',
      'daily',
      'backup: { schedule: { every: 1d } }\nwal: { method: none }\nretention: { keep: { last: 2 } }',
    );
    const target = (recovery: string): string =>
      document('RestoreTarget', 'copy', `{ site: shop, role: drill, host: a, recovery: ${recovery} }`);
    expect(found(fleet({ policy: rules, more: target('{ time: random }') }))).toEqual([
      '27:51-27:55 HRD029 the site shop archives no WAL (wal.method none of policy daily), so recovery cannot stop at a time | archive WAL, or restore the end of a backup: recovery: { immediate: true }',
    ]);
    expect(found(fleet({ policy: rules, more: target('{ immediate: true }') }))).toEqual([]);
  });

  it('a moment must exist', () => {
    expect(
      found(
        more(
          document(
            'RestoreTarget',
            'copy',
            '{ site: shop, role: drill, host: a, recovery: { time: "2026-02-31T00:00:00Z" } }',
          ),
        ),
      ),
    ).toEqual(['26:57-26:79 HRD009 there is no moment "2026-02-31T00:00:00Z" | check day, month and hour']);
  });

  it('a port must exist', () => {
    expect(found(document('Daemon', 'a', 'http: { listen: "127.0.0.1:70000" }'))).toEqual([
      '5:19-5:36 HRD009 http.listen: there is no port 70000 | use a port from 1 to 65535',
    ]);
  });

  it('doors should be closed', () => {
    expect(found(document('Daemon', 'a', 'http: { listen: "0.0.0.0:16000" }'))).toEqual([
      '5:19-5:34 HRD108 HTTP listens on 0.0.0.0 without TLS and a password | add http.tls and http.auth, or listen on 127.0.0.1',
    ]);
    expect(found(document('Repository', 'a', `${S3.slice(0, -2)}, tls: { verify: false } }`))).toEqual([
      '5:61-5:66 HRD107 the certificate of the store is not checked | name the authority of a private certificate with tls.ca instead',
    ]);
  });
});

describe('encryption', () => {
  const KEY = '{ fromFile: a.asc }';
  const encrypted = (name: string, keys: string, storage = S3): string =>
    document('Repository', name, `${storage}\nencryption:\n  recipients: [${KEY}]\n${keys}`);
  const SIGNS = `  signing: { privateKey: ${KEY} }`;
  const TRUSTS = `  trustedSigners: [${KEY}]`;

  it('signatures are to be checked by somebody', () => {
    expect(found(encrypted('a', SIGNS))).toEqual([
      '8:5-8:12 HRD109 what is stored is signed, and nobody checks the signatures | add encryption.trustedSigners with the public keys of those who sign',
    ]);
    expect(found(encrypted('a', `${SIGNS}\n${TRUSTS}`))).toEqual([]);
    expect(found(encrypted('a', TRUSTS))).toEqual([]);
  });

  it('also by another repository in the same place, and not by one elsewhere', () => {
    const codes = (storage: string): readonly string[] =>
      found(encrypted('a', SIGNS), encrypted('b', TRUSTS, storage)).map((text) => text.split(' ')[1] ?? '');
    expect(codes(S3)).toEqual(['HRD105']);
    expect(codes('storage: { type: s3, region: x, bucket: other }')).toEqual(['HRD109']);
  });

  it('a passphrase needs a key', () => {
    expect(found(encrypted('a', '  passphrase: { fromEnv: P }'))).toEqual([
      '8:5-8:15 HRD110 the passphrase opens encryption.privateKey, which is not declared | declare the private key where restores run, or remove the passphrase; that of a signing key belongs below encryption.signing',
    ]);
    expect(found(encrypted('a', `  passphrase: { fromEnv: P }\n  privateKey: ${KEY}`))).toEqual([]);
    expect(found(encrypted('a', `  signing: { privateKey: ${KEY}, passphrase: { fromEnv: P } }\n${TRUSTS}`))).toEqual(
      [],
    );
  });
});

describe('suppressions', () => {
  const lint = (comment: string): readonly string[] =>
    found(policy(`backup: {}\n${comment}\nretention: { window: 7d }`));

  it('silence a warning on the next line, with a reason', () => {
    expect(lint('# hoard-lint-disable-next-line HRD103 backups are started by the release')).toEqual([]);
    expect(lint('# hoard-lint-disable-next-line HRD103 a reason\n\n# another comment')).toEqual([]);
  });

  it('want a reason', () => {
    expect(lint('# hoard-lint-disable-next-line HRD103')).toEqual([
      '12:3-12:40 HRD302 the suppression gives no reason | write the reason after the code',
    ]);
  });

  it('are reported where they silence nothing', () => {
    const [unused, ...others] = lint('# hoard-lint-disable-next-line HRD103, HRD201 a reason');
    expect(unused).toBe('12:3-12:57 HRD301 the suppression finds no HRD201 on line 13 | remove the comment');
    expect(others).toEqual([]);
    expect(lint('# hoard-lint-disable-next-line because')[0]).toContain('HRD301 the suppression names no code');
    expect(lint('# hoard-lint-disable-next-line HRD006 a reason')[0]).toContain(
      'HRD006 is an error; errors cannot be suppressed',
    );
  });

  it('do not silence errors', () => {
    expect(found(policy('# hoard-lint-disable-next-line HRD006 a reason\nbakup: {}'))).toEqual([
      expect.stringContaining('HRD006 unknown key'),
    ]);
  });
});
