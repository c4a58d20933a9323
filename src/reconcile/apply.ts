import type { Duration } from '../domain/duration.ts';
import { Failure } from '../domain/failure.ts';
import type { ObservedSite } from '../domain/observed.ts';
import type { ActionOutcome, ExecutedAction } from '../domain/outcome.ts';
import type { Plan, PlannedAction, PlannedWork } from '../domain/plan.ts';
import type { LeaseOwner } from '../repository/lease-owner.ts';
import { awaitsApprovalOnly, comparePlans, needsApproval } from './approval.ts';
import { inputsDigest } from './digest.ts';
import { executePlan } from './execute-plan.ts';
import type { SiteContext } from './open-site.ts';
import type { PlannedFleet } from './plan-fleet.ts';
import type { SavedAction, SavedPlan } from './saved-plan.ts';

/**
 * A pass may make more work (a new backup lets an old one go), so passes follow one another until one does nothing. Three close every
 * difference that is known; a fourth would only meet what comes in meanwhile.
 */
const PASSES = 3;

/** After these the world is not as it was planned for. What is no longer needed may be needed in another way: a slot has come for what a gap had asked for, say. */
const CALLS_FOR_ANOTHER: ReadonlySet<ActionOutcome['kind']> = new Set(['done', 'changed', 'vanished']);

export interface ApplyArguments {
  readonly planFleet: () => Promise<PlannedFleet>;
  /** Run exactly what was saved, as far as it still comes out. */
  readonly saved: SavedPlan | undefined;
  /** Told of each pass's plan before anything is done. */
  readonly announce: (plan: Plan) => void;
  /** Whether these may be done: they remove something, or the policy asks for somebody's word. */
  readonly approve: (actions: readonly PlannedAction[]) => Promise<boolean>;
  readonly owner: LeaseOwner;
  readonly waitFor: Duration;
  readonly context: SiteContext;
}

export interface ApplyResult {
  /** Each action once, with how it ended, in the order in which they came up. */
  readonly executed: readonly ExecutedAction[];
  /** What else is worth saying: actions of a saved plan that are no longer needed, sites that could not be observed. */
  readonly notes: readonly string[];
  /** What could not be observed, as sentences: where there are any, "nothing to do" is not known to be true. */
  readonly unobserved: readonly string[];
}

/**
 * Closes the difference once. Throws `plan.stale` where a saved plan no longer covers what would be removed; everything else that goes
 * wrong is in the outcomes. Idempotent: what is done is observed, and not done again.
 */
export async function apply(args: ApplyArguments): Promise<ApplyResult> {
  const results = new Map<string, ExecutedAction>();
  const notes: string[] = [];
  let unobserved: readonly string[] = [];
  let approvedBefore = false;

  for (let pass = 1; pass <= PASSES; pass += 1) {
    await using fleet = await args.planFleet();
    unobserved = [...fleet.sites.values()].flatMap(({ observation }) => unknownsOf(observation.observed));
    const candidates = fleet.plan.actions.filter((action) => pass === 1 || isFollowUp(action, results));
    const wanted =
      args.saved === undefined ? candidates : selectSaved(args.saved, candidates, fleet.sites, pass, notes);
    const selection = withDependencies(wanted, fleet.plan.actions);
    if (selection.length === 0) break;
    args.announce({ ...fleet.plan, actions: selection });

    const asking = selection.filter((action) => needsApproval(action) && !(approvedBefore && isTidying(action)));
    const approved = asking.length === 0 || (await args.approve(asking));
    approvedBefore ||= asking.length > 0 && approved;
    const executed = await executePlan({
      actions: selection,
      verdictOn: (action) => verdictOn(action, approved || !asking.includes(action)),
      sites: fleet.sites,
      owner: args.owner,
      waitFor: args.waitFor,
      context: args.context,
    });
    for (const each of executed) results.set(each.action.id, each);
    if (args.context.effects.signal.aborted) break;
    if (!executed.some(({ outcome }) => CALLS_FOR_ANOTHER.has(outcome.kind))) break;
  }
  return { executed: [...results.values()], notes, unobserved };
}

function unknownsOf({ site, cluster, host, repositories }: ObservedSite): readonly string[] {
  const looked = [
    ['its cluster', cluster],
    ['its data directory', host],
    ...[...repositories].map(([name, observation]) => [`repository "${name}"`, observation] as const),
  ] as const;
  return looked.flatMap(([what, observation]) =>
    observation?.kind === 'unknown' ? [`${site}: ${what} could not be observed: ${observation.reason}`] : [],
  );
}

function verdictOn(action: PlannedAction, approved: boolean): ActionOutcome | undefined {
  if (!awaitsApprovalOnly(action)) return { kind: 'blocked' };
  if (approved) return undefined;
  const because = action.risk === 'destructive' ? 'it removes something, and nobody approved it' : 'nobody approved it';
  return { kind: 'refused', because };
}

/** Nothing restorable is lost by it, so it follows from an approved removal without being asked for again. */
const isTidying = (action: PlannedAction): boolean => action.work.kind === 'orphan.remove';

/** A later pass does no more of these in a repository than the first: another slot may have come meanwhile, and a budget counts for one apply. */
const ONCE_AN_APPLY: ReadonlySet<PlannedWork['kind']> = new Set(['backup.take', 'backup.prune']);

/** Whether a later pass of the same apply may take an action up. Nothing is done or tried twice. */
function isFollowUp(action: PlannedAction, results: ReadonlyMap<string, ExecutedAction>): boolean {
  const earlier = results.get(action.id)?.outcome.kind;
  if (earlier !== undefined && earlier !== 'changed' && earlier !== 'vanished') return false;
  if (!ONCE_AN_APPLY.has(action.work.kind)) return true;
  return ![...results.values()].some(
    ({ action: done, outcome }) =>
      outcome.kind === 'done' &&
      done.work.kind === action.work.kind &&
      done.site === action.site &&
      done.repository === action.repository,
  );
}

/** Leaves out what waits for an action of the plan that is itself left out; the order of a plan puts that before. */
function withDependencies(
  wanted: readonly PlannedAction[],
  actions: readonly PlannedAction[],
): readonly PlannedAction[] {
  const leftOut = new Set(actions.map(({ id }) => id));
  return wanted.filter(({ id, dependsOn }) => {
    if (dependsOn.some((dependency) => leftOut.has(dependency))) return false;
    leftOut.delete(id);
    return true;
  });
}

/** The actions of a saved plan that come out again unchanged. Throws `plan.stale` where something new would be removed. */
function selectSaved(
  saved: SavedPlan,
  actions: readonly PlannedAction[],
  sites: PlannedFleet['sites'],
  pass: number,
  notes: string[],
): readonly PlannedAction[] {
  const { same, changed, vanished, added } = comparePlans(saved, actions, inputsDigest);
  if (pass > 1) return same;
  const [destructive] = [...added, ...changed].filter(({ risk }) => risk === 'destructive');
  if (destructive) {
    const how = added.includes(destructive)
      ? 'is not in the saved plan'
      : 'rests on other facts than when the plan was saved';
    throw new Failure('plan.stale', {
      message: `${destructive.id} ${how}, and it removes something: ${destructive.reason}`,
      hint: 'nothing was done; look at a new plan',
    });
  }
  for (const action of vanished) notes.push(`${action.id} ${whyVanished(action, sites)}`);
  for (const { id } of changed) notes.push(`${id} rests on other facts than when the plan was saved; it was left out`);
  for (const { id, reason } of added) notes.push(`${id} is not in the saved plan and was left out: ${reason}`);
  return same;
}

/** Only what was looked at can be said to be no longer needed. */
function whyVanished({ site, repository }: SavedAction, sites: PlannedFleet['sites']): string {
  const observed = [...sites].find(([name]) => name === site)?.[1].observation.observed;
  const there = observed && [...observed.repositories].find(([name]) => name === repository)?.[1];
  if (!observed || !there) return 'was left out: its site or repository is not looked at';
  if (there.kind === 'unknown' || observed.cluster.kind === 'unknown')
    return 'was left out: whether it is still needed could not be observed';
  return 'is no longer needed';
}
