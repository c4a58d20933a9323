import type { Fault } from '../../support/fault-proxy/fault.ts';
import { type Protocol, THOROUGH } from './faulty-backend.ts';

/** What is done to a store while it goes through the whole suite. */
export interface Attack {
  readonly name: string;
  /** The first is there when a test begins; the next one takes its place when so many pieces of data have come by. */
  readonly faults: readonly Fault[];
  readonly every: number;
  /** Each test begins with another fault; without it, all with the first. */
  readonly rotates?: boolean;
  /** No test that sends anything can escape: the first fault strikes whatever comes. */
  readonly strikesAll?: boolean;
  /** The server is killed, started again, and so on. */
  readonly kills?: boolean;
  /** Tests that cannot hold under it, by their title, and why. */
  readonly except?: Readonly<Record<string, string>>;
}

const KIB = 1024;
const MIB = 1024 * KIB;
/**
 * By pieces and not by time, so that a machine under load has no more faults to get through than another. A piece is up to 64 KiB: a
 * small request has four, a body of 16 MiB 260 and more, also where it is refused. Three times struck, it gets through the fourth time before the
 * next fault comes, so that no request fails in all of its eight tries.
 */
const HTTP_PIECES = 1300;
/** Four times struck, and the fifth time it has to get through. */
const BURST_PIECES = 1800;
/** Each break hits all that is under way on the one connection of SFTP: so much, and it all gets through once. */
const TCP_PIECES = 3000;
const SLOW_PIECES = 200;

/** So many bytes in, a connection ends: in the head of a request, in a small body, between the requests, in a large body. */
const breaks = (kind: 'reset' | 'cut', count: number): readonly Fault[] => [
  { kind, direction: 'up', after: 100, count },
  { kind, direction: 'down', after: 10, count },
  { kind, direction: 'up', after: 5000, count },
  { kind, direction: 'down', after: 2000, count },
  { kind, direction: 'up', after: MIB, count },
  { kind, direction: 'down', after: 300_000, count },
];

// Together far more than a line gives that anybody would call slow, and still far less than what the suite's bodies want.
const SLOW: readonly Fault[] = [
  { kind: 'latency', milliseconds: 3 },
  { kind: 'rate', direction: 'up', bytesPerSecond: 5 * MIB, count: 3 },
  { kind: 'rate', direction: 'down', bytesPerSecond: 5 * MIB, count: 3 },
];

const KILLED: Attack = {
  name: 'a server that is killed and started again',
  faults: [],
  every: 0,
  kills: true,
};

const REQUESTS: readonly Attack[] = [
  {
    name: 'lost answers',
    faults: [{ kind: 'lose-answer', count: 2 }],
    every: HTTP_PIECES,
    strikesAll: true,
  },
  {
    name: 'bursts of 503, 429 and 500',
    faults: [
      { kind: 'answer', status: 503, count: 4 },
      { kind: 'answer', status: 500, count: 4 },
      { kind: 'answer', status: 429, headers: { 'retry-after': '1' }, count: 3 },
    ],
    every: BURST_PIECES,
    strikesAll: true,
  },
  {
    name: 'answers that end or break in their body',
    faults: [
      { kind: 'truncate-answer', after: 0, count: 2 },
      { kind: 'reset-answer', after: 0, count: 2 },
      { kind: 'truncate-answer', after: 20, count: 2 },
      { kind: 'reset-answer', after: 1000, count: 2 },
      { kind: 'truncate-answer', after: 90_000, count: 2 },
      { kind: 'reset-answer', after: MIB, count: 2 },
    ],
    every: HTTP_PIECES,
  },
  {
    name: 'requests that break in their body',
    faults: [
      { kind: 'reset-request', after: 0, count: 2 },
      { kind: 'reset-request', after: 200, count: 2 },
      { kind: 'reset-request', after: 50_000, count: 2 },
      { kind: 'reset-request', after: 3 * MIB, count: 2 },
    ],
    every: HTTP_PIECES,
  },
];

const HTTP_CONNECTIONS: readonly Attack[] = [
  { name: 'connections that are reset', faults: breaks('reset', 2), every: HTTP_PIECES, strikesAll: true },
  { name: 'connections that are cut', faults: breaks('cut', 2), every: HTTP_PIECES, strikesAll: true },
  { name: 'refused connections', faults: [{ kind: 'refuse', count: 3 }], every: HTTP_PIECES, strikesAll: true },
  { name: 'a slow network', faults: SLOW, every: SLOW_PIECES, strikesAll: true },
];

/** One of each kind at a time, and in each test another one first. */
const MIXED: Attack = {
  name: 'a mix of faults',
  faults: [
    { kind: 'lose-answer', count: 2 },
    { kind: 'reset', direction: 'up', after: 700, count: 2 },
    { kind: 'answer', status: 503, count: 3 },
    { kind: 'truncate-answer', after: 0, count: 2 },
    { kind: 'cut', direction: 'down', after: 2000, count: 2 },
    { kind: 'reset-request', after: 200, count: 2 },
    { kind: 'reset-answer', after: 1000, count: 2 },
    { kind: 'reset', direction: 'down', after: 10, count: 2 },
    { kind: 'reset-request', after: 3 * MIB, count: 1 },
    { kind: 'refuse', count: 2 },
  ],
  every: HTTP_PIECES,
  rotates: true,
};

const HTTP_ATTACKS: readonly Attack[] = [...REQUESTS, ...HTTP_CONNECTIONS, KILLED, MIXED];

/** Against one connection that everything goes over. */
const TCP_ATTACKS: readonly Attack[] = [
  { name: 'connections that are reset', faults: breaks('reset', 1), every: TCP_PIECES, strikesAll: true },
  { name: 'connections that are cut', faults: breaks('cut', 1), every: TCP_PIECES, strikesAll: true },
  { name: 'refused connections', faults: [{ kind: 'refuse', count: 2 }], every: TCP_PIECES, strikesAll: true },
  { name: 'a slow network', faults: SLOW, every: SLOW_PIECES, strikesAll: true },
  KILLED,
];

/** Every attack that a proxy of the protocol can make; none in `npm test`, which has no time for them. */
export function attacksOn(protocol: Protocol): readonly Attack[] {
  if (!THOROUGH) return [];
  return protocol === 'http' ? HTTP_ATTACKS : TCP_ATTACKS;
}
