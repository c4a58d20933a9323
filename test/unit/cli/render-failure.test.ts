import { describe, expect, it } from 'vitest';
import { renderFailure, toFailure } from '../../../src/cli/render-failure.ts';
import { Failure } from '../../../src/domain/failure.ts';

const failure = new Failure('lease.held', {
  message: 'another hoard works on site "orders"',
  hint: 'wait for it',
  cause: new Error('the cause'),
});

describe('renderFailure', () => {
  it('prints sentence, code and hint, and no stack', () => {
    expect(renderFailure(failure, { json: false, debug: false })).toBe(
      'error: another hoard works on site "orders" [lease.held]\nhint: wait for it',
    );
  });

  it('adds the stack with its causes where it was asked for', () => {
    const text = renderFailure(failure, { json: false, debug: true });
    expect(text).toMatch(/\n {4}at .*render-failure\.test\.ts/);
    expect(text).toContain('caused by: Error: the cause');
  });

  it('is one JSON line where JSON was asked for', () => {
    const text = renderFailure(failure, { json: true, debug: true });
    expect(JSON.parse(text)).toEqual({
      formatVersion: '1.0',
      error: { code: 'lease.held', class: 'waiting', message: failure.message, hint: 'wait for it', exitStatus: 11 },
    });
    expect(text).not.toContain('\n');
  });
});

describe('toFailure', () => {
  const running = new AbortController().signal;

  it('keeps a Failure and calls anything else a bug', () => {
    expect(toFailure(failure, running)).toBe(failure);
    expect(toFailure(new TypeError('x is undefined'), running)).toMatchObject({ code: 'bug', exitStatus: 1 });
    expect(toFailure('thrown text', running).message).toContain('thrown text');
  });

  it('gives the reason of the stop for the abort errors of libraries', () => {
    const reason = new Failure('interrupted', { message: 'stopped by SIGINT' });
    expect(toFailure(new DOMException('aborted', 'AbortError'), AbortSignal.abort(reason))).toBe(reason);
  });

  it('says what to do where a package is missing', () => {
    const error = Object.assign(new Error("Cannot find package 'pg' imported from /x/y.ts"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    expect(toFailure(error, running)).toMatchObject({ hint: 'run npm ci in the folder of hoard' });
  });
});
