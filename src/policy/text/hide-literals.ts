import { type Document, isAlias, isMap, isScalar, isSeq, type Node } from 'yaml';
import { nearest } from '../nearest.ts';
import type { PolicyKind } from '../schema-files.ts';
import { keyText, nodeOf, rangeOf } from '../structure/policy-document.ts';
import { type Shape, secretKeys, shapeOf } from '../structure/shape.ts';
import { looksSecret } from './hide-text.ts';
import type { PolicySource } from './policy-source.ts';

const FORMS = ['fromEnv', 'fromFile', 'fromExec'];

/**
 * Hides every value that may be a literal secret: whatever stands at a place for a secret and is no reference, whatever stands
 * in place of an object that would hold secrets, and values of unknown keys that sound like or stand among secrets.
 * Hiding too much costs a less readable frame; hiding too little costs a secret.
 */
export function hideLiterals(source: PolicySource, yaml: Document.Parsed, kind: PolicyKind | undefined): void {
  const hider = createHider(source, yaml);
  hider.visit(yaml.contents ?? undefined, kind === undefined ? undefined : shapeOf(kind), false);
}

interface Hider {
  visit(node: Node | undefined, shape: Shape | undefined, hide: boolean): void;
}

function createHider(source: PolicySource, yaml: Document.Parsed): Hider {
  const entered = new Set<Node>();

  const hideNode = (node: Node | undefined): void => {
    const range = rangeOf(node);
    if (range) source.hide({ start: range.start - propertiesBefore(source, range.start), end: range.end });
  };

  /** Hides all scalars below; the structure stays readable. */
  const hideBelow = (node: Node | undefined): void => {
    if (!node || entered.has(node)) return;
    if (isMap(node)) {
      for (const pair of node.items) {
        const value = nodeOf(pair.value);
        const key = nodeOf(pair.key);
        // `{ hunter2 }` is a key without a value.
        if (isMap(key) || isSeq(key) || !holdsText(value)) hideNode(key);
        hideBelow(value);
      }
    } else if (isSeq(node)) {
      for (const item of node.items) hideBelow(nodeOf(item));
    } else {
      hideNode(node);
      if (isAlias(node)) {
        entered.add(node);
        hideBelow(node.resolve(yaml));
      }
    }
  };

  const hideReference = (node: Node | undefined): void => {
    if (!isMap(node)) {
      hideBelow(node);
      return;
    }
    for (const pair of node.items) {
      const key = keyText(pair) ?? '';
      const value = nodeOf(pair.value);
      if (!isReferenceValue(key, value)) hideBelow(value);
      if (!FORMS.includes(key) && nearest(key, FORMS) === undefined) hideNode(nodeOf(pair.key));
    }
  };

  const visit = (node: Node | undefined, shape: Shape | undefined, hide: boolean): void => {
    if (hide) hideBelow(node);
    else if (isAlias(node)) {
      if (entered.has(node)) return;
      entered.add(node);
      const target = node.resolve(yaml);
      if (!isMap(target) && !isSeq(target) && (shape === undefined || shape.holdsSecrets)) hideNode(node);
      visit(target, shape, false);
    } else if (shape?.secret === true) hideReference(node);
    else if (isMap(node)) {
      for (const pair of node.items) visitPair(keyText(pair) ?? '', nodeOf(pair.key), nodeOf(pair.value), shape);
    } else if (isSeq(node)) {
      for (const item of node.items)
        visit(nodeOf(item), shape?.rest, shape?.rest === undefined && shape?.holdsSecrets === true);
    } else if (shape?.holdsSecrets === true && node) {
      hideBelow(node);
    }
  };

  const visitPair = (
    key: string,
    keyNode: Node | undefined,
    value: Node | undefined,
    shape: Shape | undefined,
  ): void => {
    const inner = shape?.properties.get(key) ?? shape?.rest;
    if (inner) {
      visit(value, inner, false);
      return;
    }
    const amongSecrets = shape !== undefined && [...shape.properties.values()].some((sibling) => sibling.secret);
    const hide = amongSecrets || looksSecret(key) || nearest(key, secretKeys()) !== undefined;
    if (amongSecrets && !holdsText(value)) {
      const range = rangeOf(keyNode);
      if (range) source.hide(range);
    }
    if (!hide || !isReference(value)) visit(value, undefined, hide);
  };

  return { visit };
}

/** The length of the tag and anchor before a node: `!x &y value` may be a secret as a whole that begins with `!`. */
function propertiesBefore(source: PolicySource, offset: number): number {
  const before = source.text.slice(Math.max(0, offset - 1024), offset);
  return /(?:[!&]\S*[ \t]+)+$/.exec(before)?.[0].length ?? 0;
}

/** Something is written after the key. */
function holdsText(node: Node | undefined): boolean {
  return node !== undefined && !(isScalar(node) && (node.value === null || node.value === ''));
}

function isReference(node: Node | undefined): boolean {
  return (
    isMap(node) &&
    node.items.length === 1 &&
    node.items.every((pair) => isReferenceValue(keyText(pair) ?? '', nodeOf(pair.value)))
  );
}

/** A value under fromEnv, fromFile or fromExec that has the right form and so names a place instead of being a secret. */
function isReferenceValue(key: string, value: Node | undefined): boolean {
  if (key === 'fromExec') return isSeq(value);
  if (!isScalar(value) || typeof value.value !== 'string') return false;
  if (key === 'fromEnv') return /^[A-Za-z_][A-Za-z0-9_]*$/.test(value.value);
  return key === 'fromFile' && value.value.length < 4096 && !/[\n\r]/.test(value.value);
}
