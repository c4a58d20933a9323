/** What a code stands for; the reference of diagnostics is made from this table. */
export interface DiagnosticKind {
  readonly severity: 'error' | 'warning';
  /** A few words in lower case. */
  readonly title: string;
  /** What is wrong and why it matters, in sentences. */
  readonly explanation: string;
}

const error = (title: string, explanation: string): DiagnosticKind => ({ severity: 'error', title, explanation });
const warning = (title: string, explanation: string): DiagnosticKind => ({ severity: 'warning', title, explanation });

/**
 * The closed table of diagnostics. HRD0xx: the policies cannot be used. Lint: HRD1xx safety, HRD2xx cost, HRD3xx style; those can be
 * suppressed with `# hoard-lint-disable-next-line CODE reason`.
 */
export const DIAGNOSTICS = {
  HRD001: error(
    'unreadable',
    'The file or folder does not exist, cannot be read, is too large, is not UTF-8, or holds no policies.',
  ),
  HRD002: error(
    'not YAML',
    'The file breaks the rules of YAML 1.2, or uses more of YAML (aliases, tags, depth) than policies need.',
  ),
  HRD003: error('duplicate key', 'The same key stands twice in one mapping; only one of the two would count.'),
  HRD004: error(
    'not a policy document',
    'Every document is a mapping with apiVersion: hoard/v1, kind, metadata.name and spec.',
  ),
  HRD005: error('unknown kind', 'The kind is none of Site, Repository, Policy, RestoreTarget and Daemon.'),
  HRD006: error(
    'unknown key',
    'The schema of the kind has no such key here. It would have no effect, so it is refused.',
  ),
  HRD007: error('missing key', 'A key that the schema demands is not there.'),
  HRD008: error('wrong type', 'The value is, for example, a list where a text is wanted.'),
  HRD009: error('wrong value', 'The value has the right type, but is not one of those that are possible here.'),
  HRD010: error('contradictory keys', 'Keys exclude each other, or one makes sense only together with another.'),
  HRD011: error(
    'literal secret',
    'Policies are committed, so a secret is never written in them: say where it comes from with fromEnv, fromFile or fromExec. Treat a secret that was written in a file as known to others, and change it.',
  ),
  HRD020: error('duplicate name', 'Two documents of one kind bear the same name.'),
  HRD021: error('dangling reference', 'The document that is named here does not exist.'),
  HRD022: error(
    'two repositories in one place',
    'A site lists two repositories that store in the same place: the second copy is none.',
  ),
  HRD023: error('two restore targets in one directory', 'Two restore targets of one host use the same data directory.'),
  HRD024: error('invalid schedule', 'The cron expression cannot be read, or the time zone does not exist.'),
  HRD025: error(
    'schedule that never fires',
    'No day of any year matches the cron expression, for example 30 February.',
  ),
  HRD026: error('contradictory retention', 'No number of backups satisfies the rules at the same time.'),
  HRD027: error(
    'more copies than repositories',
    'wal.require demands more repositories than the site has, so that no segment would ever be acknowledged.',
  ),
  HRD028: error(
    'unreachable objective',
    'Without archived WAL nothing between two backups can be restored, so the objective or window cannot be met.',
  ),
  HRD029: error(
    'unreachable recovery target',
    'The site archives no WAL, so only the end of a backup can be restored.',
  ),
  HRD030: error('more than one Daemon', 'One set of policies describes one daemon configuration.'),
  HRD031: error('impossible limits', 'Two limits contradict each other, so that the work would stop and never go on.'),

  HRD101: warning(
    'recovery point objective tighter than the WAL method',
    'Whole segments are archived, at best every archive_timeout, which below a minute costs more than it brings; with method stream an unfinished segment is stored when it is as old as wal.partial.',
  ),
  HRD102: warning(
    'too few backups for the window',
    'At the pace of the schedule the maximum number of backups does not reach back as far as the window; the window wins and the maximum is exceeded.',
  ),
  HRD103: warning(
    'window or objectives without a schedule',
    'Backups are taken only on request, so nothing makes the window or the objectives come true.',
  ),
  HRD104: warning(
    'two sites on one cluster',
    'Two sites connect by the same reference or to the same host and port; a cluster belongs to one site.',
  ),
  HRD105: warning(
    'two repositories in one place',
    'Two repositories store in the same place. hoard works, but what limits, compression or encryption say depends on which name a site uses.',
  ),
  HRD106: warning(
    'no proof in time',
    'objectives.provenWithin is set, but no drill of the site runs often enough to meet it.',
  ),
  HRD107: warning('unverified server', 'tls.verify is false: anybody on the way can read and change what is stored.'),
  HRD108: warning(
    'unprotected HTTP',
    'The HTTP server listens on more than this host, without TLS or without a password.',
  ),
  HRD109: warning(
    'signatures that nobody checks',
    'What is stored is signed, but no trustedSigners are declared for that place: a restore takes forged data as well.',
  ),
  HRD110: warning(
    'passphrase without a key',
    'What encryption.passphrase opens is encryption.privateKey, which is not declared, so it has no effect; the key for signing has a passphrase of its own.',
  ),
  HRD201: warning(
    'nothing is ever pruned',
    'There is no retention rule, or prune is never: the repository grows without end.',
  ),
  HRD202: warning(
    'backups much rarer than the window',
    'The oldest backup that the window needs can be an interval older than the window, and all WAL since then is kept.',
  ),
  HRD301: warning(
    'unused suppression',
    'The comment suppresses a finding that is not there, or that cannot be suppressed.',
  ),
  HRD302: warning(
    'suppression without a reason',
    'A suppression says in the same line why the finding does not matter here.',
  ),
} as const satisfies Record<string, DiagnosticKind>;

export type DiagnosticCode = keyof typeof DIAGNOSTICS;
