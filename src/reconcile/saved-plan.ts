import { Failure } from '../domain/failure.ts';
import { formatInstant, type Instant, parseInstant } from '../domain/instant.ts';

/** What `apply PLAN` needs of a saved plan: which actions somebody has looked at, and what each rested on. */
export interface SavedPlan {
  readonly createdAt: Instant;
  readonly notAfter: Instant;
  readonly actions: readonly SavedAction[];
}

export interface SavedAction {
  readonly id: string;
  readonly site: string;
  readonly repository: string;
  readonly inputsDigest: string;
}

const READABLE_MAJOR = '1';

/**
 * Reads the JSON that `hoard plan --out` wrote. Unknown fields are passed over, so that a newer 1.x can be read. Throws
 * `plan.refused` for what is no plan or of another major version, `plan.stale` where it has expired.
 */
export function readSavedPlan(text: string, where: string, now: Instant): SavedPlan {
  const document = parseObject(text, where);
  const version = textField(document, 'formatVersion', where);
  if (version.split('.')[0] !== READABLE_MAJOR) {
    throw new Failure('plan.refused', {
      message: `${where} has format version "${version}"; this hoard reads version ${READABLE_MAJOR}`,
      hint: 'make the plan and apply it with the same hoard',
    });
  }
  const createdAt = parseInstant(textField(document, 'createdAt', where));
  const notAfter = parseInstant(textField(document, 'notAfter', where));
  if (now > notAfter) {
    throw new Failure('plan.stale', {
      message: `${where} was made at ${formatInstant(createdAt)} and is good only until ${formatInstant(notAfter)}`,
      hint: 'make a new one with hoard plan --out',
    });
  }
  const actions = document['actions'];
  if (!Array.isArray(actions)) throw notAPlan(where, '"actions" is missing');
  return { createdAt, notAfter, actions: actions.map((action: unknown) => readAction(action, where)) };
}

function readAction(action: unknown, where: string): SavedAction {
  if (!isObject(action)) throw notAPlan(where, 'an action is not an object');
  const field = (name: keyof SavedAction): string => textField(action, name, where);
  return {
    id: field('id'),
    site: field('site'),
    repository: field('repository'),
    inputsDigest: field('inputsDigest'),
  };
}

function parseObject(text: string, where: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw notAPlan(where, 'it is not JSON', error);
  }
  if (!isObject(value)) throw notAPlan(where, 'it is not a JSON object');
  return value;
}

function textField(object: Readonly<Record<string, unknown>>, name: string, where: string): string {
  const value = object[name];
  if (typeof value !== 'string') throw notAPlan(where, `"${name}" is missing`);
  return value;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function notAPlan(where: string, why: string, cause?: unknown): Failure {
  return new Failure('plan.refused', {
    message: `${where} is not a saved plan: ${why}`,
    hint: 'write one with hoard plan --out FILE',
    cause,
  });
}
