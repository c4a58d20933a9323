import { type Duration, durationOf } from '../domain/duration.ts';
import { formatInstant, type Instant, parseInstant } from '../domain/instant.ts';
import { openDocument, sealDocument } from './document.ts';
import type { LeaseOwner } from './lease-owner.ts';

/** One generation of a lease, as stored. */
export interface LeaseRecord {
  readonly state: 'held' | 'released';
  readonly owner: LeaseOwner;
  /** Random, the same through all renewals of one acquisition. */
  readonly token: string;
  readonly acquiredAt: Instant;
  /** By the owner's clock. */
  readonly expiresAt: Instant;
  readonly ttl: Duration;
}

export function formatLease(record: LeaseRecord): Uint8Array {
  return sealDocument('lease', {
    ...record,
    acquiredAt: formatInstant(record.acquiredAt),
    expiresAt: formatInstant(record.expiresAt),
  });
}

export function parseLease(bytes: Uint8Array, key: string): LeaseRecord {
  const fields = openDocument('lease', bytes, key);
  const owner = fields.object('owner');
  return {
    state: fields.oneOf('state', ['held', 'released']),
    owner: {
      host: owner.text('host', 255),
      pid: owner.integer('pid'),
      processStart: owner.text('processStart', 64),
      bootId: owner.text('bootId', 64),
      pidNamespace: owner.text('pidNamespace', 64),
    },
    token: fields.text('token', 64),
    acquiredAt: fields.parsed('acquiredAt', parseInstant),
    expiresAt: fields.parsed('expiresAt', parseInstant),
    ttl: durationOf(fields.integer('ttl', 1)),
  };
}
