import * as fc from 'fast-check';
import { bytesOf } from '../../src/domain/bytes.ts';
import { parseCron } from '../../src/domain/cron.ts';
import {
  type DesiredSite,
  type RepositoryName,
  type RetentionPolicy,
  repositoryName,
  siteName,
} from '../../src/domain/desired.ts';
import { durationOf } from '../../src/domain/duration.ts';
import { type Instant, instant } from '../../src/domain/instant.ts';
import { lsn } from '../../src/domain/lsn.ts';
import {
  backupId,
  type ObservedCluster,
  type ObservedRepository,
  type ObservedSite,
  type PackReference,
  type StoredBackup,
  type StoredSegment,
  systemIdentifier,
} from '../../src/domain/observed.ts';
import {
  parseSegmentName,
  type SegmentSize,
  segmentName,
  segmentNumber,
  segmentSize,
} from '../../src/domain/segment.ts';
import { type TimelineId, timelineId } from '../../src/domain/timeline.ts';

export const HISTORY_SIZE: SegmentSize = segmentSize(1024 * 1024);
/** The grain of LSNs in generated histories. */
export const QUARTER = BigInt(HISTORY_SIZE / 4);
const SYSTEM = systemIdentifier('7123456789012345678');
const HOUR = 3_600_000;
const BEGIN = Date.UTC(2026, 0, 1);

/** One thing that happens to a simulated cluster and its repositories. */
export type Step =
  | { readonly kind: 'wait'; readonly hours: number }
  /** Fill quarters of segments; `fate` decides for each finished segment what becomes of it. */
  | { readonly kind: 'write'; readonly quarters: number; readonly fate: readonly SegmentFate[] }
  | { readonly kind: 'deliver' }
  | {
      readonly kind: 'backup';
      readonly quarters: number;
      readonly hours: number;
      readonly carriesWal: boolean;
      readonly reuses: number;
      readonly where: number;
      readonly fate: readonly SegmentFate[];
    }
  /** A standby that lags by `lag` quarters is promoted; the old primary's unfinished segment is lost. */
  | { readonly kind: 'promote'; readonly lag: number; readonly historyStored: boolean }
  /** An earlier timeline goes on being written, by a primary that did not know it was replaced. */
  | { readonly kind: 'return'; readonly to: number }
  | { readonly kind: 'hold'; readonly backup: number; readonly hours: number | undefined }
  | { readonly kind: 'prove'; readonly backup: number }
  /** Hoard was killed: packs without a backup and a manifest without its marker stay. */
  | { readonly kind: 'crash' }
  | { readonly kind: 'lose-pack'; readonly index: number }
  | { readonly kind: 'reconcile' };

type SegmentFate = 'stored' | 'late' | 'lost' | 'conflict';

const fates = fc.array(
  fc.oneof(
    { weight: 30, arbitrary: fc.constant<SegmentFate>('stored') },
    { weight: 3, arbitrary: fc.constant<SegmentFate>('late') },
    { weight: 1, arbitrary: fc.constant<SegmentFate>('lost') },
    { weight: 1, arbitrary: fc.constant<SegmentFate>('conflict') },
  ),
  { minLength: 1, maxLength: 6 },
);

const someStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('wait'),
      hours: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: -30, max: 200 })),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('write'), quarters: fc.integer({ min: 1, max: 14 }), fate: fates }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deliver') }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('backup'),
      quarters: fc.integer({ min: 1, max: 9 }),
      hours: fc.integer({ min: 0, max: 5 }),
      carriesWal: fc.integer({ min: 0, max: 7 }).map((n) => n === 0),
      reuses: fc.nat(7),
      where: fc.integer({ min: 1, max: 3 }),
      fate: fates,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('promote'),
      lag: fc.oneof(fc.constant(0), fc.nat(12)),
      historyStored: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('return'), to: fc.nat(5) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('hold'),
      backup: fc.nat(9),
      hours: fc.option(fc.integer({ min: -50, max: 400 }), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('prove'), backup: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose-pack'), index: fc.nat(30) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('reconcile') }) },
);

export const someHistory = fc.array(someStep, { minLength: 4, maxLength: 40, size: 'max' });

const someCount = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined });

export const someRetention: fc.Arbitrary<RetentionPolicy> = fc.record({
  window: fc.option(
    fc.integer({ min: 0, max: 300 }).map((hours) => durationOf(hours * HOUR)),
    { nil: undefined },
  ),
  keep: fc.record({
    last: someCount,
    within: fc.option(
      fc.integer({ min: 1, max: 200 }).map((hours) => durationOf(hours * HOUR)),
      { nil: undefined },
    ),
    hourly: someCount,
    daily: someCount,
    weekly: someCount,
    monthly: someCount,
    yearly: someCount,
  }),
  minimum: fc.integer({ min: 1, max: 3 }),
  maximum: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  prune: fc.constantFrom<RetentionPolicy['prune']>('auto', 'auto', 'auto', 'auto', 'confirm', 'never'),
  budget: fc.record({ percent: fc.constantFrom(1, 30, 50, 100) }),
});

export function desiredSite(retention: RetentionPolicy, change: Partial<DesiredSite> = {}): DesiredSite {
  return {
    name: siteName('orders'),
    mode: 'enforce',
    policyName: 'gold',
    policy: {
      backup: {
        schedule: { kind: 'cron', expression: parseCron('0 2 * * *'), timeZone: 'Europe/Berlin' },
        method: 'auto',
        from: 'prefer-standby',
        checksums: 'verify',
      },
      wal: { method: 'archive-command', require: 'all', partial: undefined, pauseBelow: undefined },
      retention,
      objectives: { rpo: undefined, rto: undefined, provenWithin: undefined },
    },
    repositories: [repositoryName('main'), repositoryName('offsite')],
    connections: [],
    dataDirectory: undefined,
    binDirectory: undefined,
    ...change,
  };
}

/** A cluster, its archive queue, and what its repositories hold; `observe` gives the snapshot that the product would see. */
export class SimulatedWorld {
  now: Instant = instant(BEGIN);
  readonly repositories = new Map<RepositoryName, ObservedRepository>();
  /** Names in pg_wal/archive_status: what was not stored everywhere yet. */
  ready: string[] = [];
  private timeline: TimelineId = timelineId(1);
  /** Where each timeline has been written to, in quarters. */
  private readonly ends = new Map<TimelineId, number>([[timelineId(1), 4]]);
  private readonly ancestors = new Map<
    TimelineId,
    readonly { timeline: TimelineId; switchLsn: ReturnType<typeof lsn> }[]
  >();
  private counter = 0;

  constructor(names: readonly RepositoryName[]) {
    for (const name of names) {
      this.repositories.set(name, {
        identity: { systemIdentifier: SYSTEM, segmentSize: HISTORY_SIZE },
        backups: [],
        unreadableBackups: [],
        wal: new Map(),
        histories: new Map(),
        otherWalFiles: new Set(),
        walRecipients: [],
        packs: [],
        strays: [],
        holds: [],
        proofs: [],
      });
    }
  }

  observe(): ObservedSite {
    const cluster: ObservedCluster = {
      role: 'primary',
      version: 180_000,
      systemIdentifier: SYSTEM,
      timeline: this.timeline,
      segmentSize: HISTORY_SIZE,
      currentLsn: lsn(BigInt(this.end) * QUARTER),
      dataBytes: bytesOf(1_000_000),
      archiving: {
        mode: 'on',
        configured: true,
        lastArchived: undefined,
        lastFailed: undefined,
        failedCount: 0,
        failing: false,
      },
    };
    return {
      site: siteName('orders'),
      cluster: { kind: 'known', value: cluster, at: this.now },
      repositories: new Map(
        [...this.repositories].map(([name, value]) => [name, { kind: 'known', value, at: this.now }]),
      ),
      host: { kind: 'known', value: { ready: this.ready }, at: this.now },
    };
  }

  /** Everything but `reconcile`, which the test carries out itself. */
  step(step: Exclude<Step, { kind: 'reconcile' }>): void {
    switch (step.kind) {
      case 'wait':
        this.now = instant(this.now + step.hours * HOUR);
        return;
      case 'write':
        this.write(step.quarters, step.fate);
        return;
      case 'deliver':
        for (const name of this.repositories.keys()) this.archive(name, this.ready);
        return;
      case 'backup': {
        const start = this.end;
        const startTime = this.now;
        this.write(step.quarters, step.fate);
        this.now = instant(this.now + step.hours * HOUR);
        // A stop may fall anywhere: in the unfinished segment too, which is then switched and archived.
        if (!step.carriesWal) this.write((4 - (this.end % 4)) % 4, step.fate);
        const stop = step.carriesWal ? this.end : Math.max(start + 1, this.end - (step.reuses % 4));
        for (const [index, name] of [...this.repositories.keys()].entries()) {
          if ((step.where & (1 << index)) !== 0)
            this.commit(name, { start, stop, startTime, carriesWal: step.carriesWal, reuses: step.reuses });
        }
        return;
      }
      case 'promote':
        this.promote(step.lag, step.historyStored);
        return;
      case 'return':
        this.timeline = timelineId((step.to % this.ends.size) + 1);
        return;
      case 'hold':
        this.onBackup(step.backup, (repository, { id }) => {
          const until = step.hours === undefined ? undefined : instant(this.now + step.hours * HOUR);
          return { ...repository, holds: [...repository.holds, { backup: id, reason: 'audit', until }] };
        });
        return;
      case 'prove':
        this.onBackup(step.backup, (repository, { id, stopLsn }) => ({
          ...repository,
          proofs: [...repository.proofs, { backup: id, at: this.now, durationMilliseconds: 1, reachedLsn: stopLsn }],
        }));
        return;
      case 'crash': {
        const id = this.newId();
        this.change((repository) => ({
          ...repository,
          packs: [...repository.packs, { backup: id, number: 0, size: bytesOf(10), storedAt: this.now }],
          strays: [
            ...repository.strays,
            { key: `backups/${id}/manifest.ndjson.zst`, size: bytesOf(10), storedAt: this.now },
          ],
        }));
        return;
      }
      case 'lose-pack':
        this.change((repository) => ({
          ...repository,
          packs: repository.packs.filter((_, index) => index !== step.index),
        }));
    }
  }

  /** What the product's handlers do for the additive actions. */
  takeBackup(name: RepositoryName): void {
    const start = this.end;
    const startTime = this.now;
    this.now = instant(this.now + 60_000);
    this.write(4 - (this.end % 4), ['stored']);
    this.commit(name, { start, stop: this.end, startTime, carriesWal: false, reuses: 3 });
  }

  archive(name: RepositoryName, files: readonly string[]): void {
    for (const file of files) {
      const { timeline, number } = parseSegmentName(file, HISTORY_SIZE);
      this.store(name, timeline, number, false);
    }
    this.ready = this.ready.filter((file) => {
      const { timeline, number } = parseSegmentName(file, HISTORY_SIZE);
      return [...this.repositories.values()].some(
        (repository) => !repository.wal.get(timeline)?.some((s) => s.number === number),
      );
    });
  }

  set(name: RepositoryName, repository: ObservedRepository): void {
    this.repositories.set(name, repository);
  }

  private get end(): number {
    return this.ends.get(this.timeline) ?? 4;
  }

  private write(quarters: number, fate: readonly SegmentFate[]): void {
    const before = this.end;
    const after = before + quarters;
    this.ends.set(this.timeline, after);
    for (let segment = Math.floor(before / 4); segment < Math.floor(after / 4); segment += 1) {
      const what = fate[segment % fate.length] ?? 'stored';
      if (what === 'lost') continue;
      const number = segmentNumber(segment);
      if (what === 'late')
        this.ready = [...new Set([...this.ready, segmentName({ timeline: this.timeline, number }, HISTORY_SIZE)])];
      else for (const name of this.repositories.keys()) this.store(name, this.timeline, number, what === 'conflict');
    }
  }

  private store(
    name: RepositoryName,
    timeline: TimelineId,
    number: ReturnType<typeof segmentNumber>,
    conflict: boolean,
  ): void {
    const repository = this.repositories.get(name);
    if (!repository) return;
    const stored = repository.wal.get(timeline) ?? [];
    if (stored.some((segment) => segment.number === number)) return;
    const segment: StoredSegment = {
      number,
      size: bytesOf(HISTORY_SIZE),
      storedAt: this.now,
      hash: `${timeline}-${number}`,
      conflict,
    };
    this.set(name, { ...repository, wal: new Map(repository.wal).set(timeline, [...stored, segment]) });
  }

  private commit(
    name: RepositoryName,
    given: { start: number; stop: number; startTime: Instant; carriesWal: boolean; reuses: number },
  ): void {
    const repository = this.repositories.get(name);
    if (!repository) return;
    const id = this.newId();
    const own: PackReference[] = [
      { backup: id, number: 0 },
      { backup: id, number: 1 },
    ];
    const reused = repository.backups.slice(-2).flatMap((backup) => backup.packs.slice(0, given.reuses % 4));
    const backup: StoredBackup = {
      id,
      systemIdentifier: SYSTEM,
      version: 180_000,
      method: 'stream',
      timeline: this.timeline,
      startLsn: lsn(BigInt(given.start) * QUARTER),
      stopLsn: lsn(BigInt(given.stop) * QUARTER),
      startTime: given.startTime,
      stopTime: this.now,
      carriesWal: given.carriesWal,
      bytes: bytesOf(1000),
      storedBytes: bytesOf(100),
      // Deduplication names stored packs only.
      packs: [
        ...own,
        ...reused.filter((pack) => repository.packs.some((p) => p.backup === pack.backup && p.number === pack.number)),
      ],
    };
    this.set(name, {
      ...repository,
      backups: [...repository.backups, backup].sort((a, b) => a.startTime - b.startTime),
      packs: [...repository.packs, ...own.map((pack) => ({ ...pack, size: bytesOf(50), storedAt: this.now }))],
    });
  }

  private promote(lag: number, historyStored: boolean): void {
    const parent = this.timeline;
    const parentAncestors = this.ancestors.get(parent) ?? [];
    const forkedAt = Number((parentAncestors.at(-1)?.switchLsn ?? 0n) / QUARTER);
    const at = Math.max(forkedAt, this.end - lag, 4);
    const child = timelineId(this.ends.size + 1);
    const history = {
      timeline: child,
      ancestors: [...parentAncestors, { timeline: parent, switchLsn: lsn(BigInt(at) * QUARTER) }],
    };
    this.ancestors.set(child, history.ancestors);
    this.ends.set(child, at);
    this.timeline = child;
    if (historyStored)
      this.change((repository) => ({ ...repository, histories: new Map(repository.histories).set(child, history) }));
  }

  private onBackup(
    index: number,
    change: (repository: ObservedRepository, backup: StoredBackup) => ObservedRepository,
  ): void {
    this.change((repository) => {
      const backup = repository.backups[index % Math.max(1, repository.backups.length)];
      return backup ? change(repository, backup) : repository;
    });
  }

  private change(change: (repository: ObservedRepository) => ObservedRepository): void {
    for (const [name, repository] of this.repositories) this.set(name, change(repository));
  }

  private newId(): ReturnType<typeof backupId> {
    this.counter += 1;
    return backupId(`b${String(this.counter).padStart(3, '0')}`);
  }
}
