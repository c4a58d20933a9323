import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { PostgresServer } from '../../support/embedded-postgres.ts';

/** What must be the same after the restore. */
interface Remembered {
  /** The moment to restore to: after every remembered row, before the accident. */
  readonly at: Date;
  readonly orders: number;
  readonly fingerprint: string;
}

interface Inspected {
  readonly orders: number;
  readonly fingerprint: string;
  readonly lastOrderAt: Date;
  /** Heartbeats later than the remembered moment: there must be none. */
  readonly laterHeartbeats: number;
  readonly recoveredLsn: string;
  readonly timeline: number;
}

const FINGERPRINT = `select count(*)::int as orders, md5(string_agg(o::text, ',' order by id)) as fingerprint from orders o`;

/** A small shop whose data changes all the time: a client that inserts orders, updates earlier ones and leaves a heartbeat. */
export async function startShop(server: PostgresServer): Promise<Shop> {
  const client = new Client({ connectionString: server.connectionUri() });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`
    create table orders (id bigint generated always as identity primary key, placed_at timestamptz not null, state text not null, note text);
    create table heartbeats (at timestamptz not null);
    insert into orders (placed_at, state, note)
      select clock_timestamp(), 'paid', md5(n::text) || repeat(' wares', 10) from generate_series(1, 50000) n;
  `);
  const shop = new Shop(client);
  shop.open();
  return shop;
}

export class Shop {
  readonly #client: Client;
  #rememberedAt = new Date(0);
  #closing = false;
  #work: Promise<void> = Promise.resolve();

  constructor(client: Client) {
    this.#client = client;
  }

  /** From now on orders are written, each in a transaction of its own, until close(). */
  open(): void {
    this.#closing = false;
    this.#work = this.#writeOrders();
    // A failure is reported where close() waits for the work.
    this.#work.catch(() => undefined);
  }

  async #writeOrders(): Promise<void> {
    while (!this.#closing) {
      await this.#client.query('begin');
      await this.#client.query(
        `insert into orders (placed_at, state, note) values (clock_timestamp(), 'placed', md5(random()::text))`,
      );
      await this.#client.query(`update orders set state = 'sent' where id = 1 + floor(random() * 50000)`);
      await this.#client.query('insert into heartbeats values (clock_timestamp())');
      await this.#client.query('commit');
      await sleep(5);
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#work;
  }

  async orders(): Promise<number> {
    return (await this.#client.query<{ n: number }>('select count(*)::int as n from orders')).rows[0]?.n ?? 0;
  }

  /** Closes the shop and takes down what there is. */
  async remember(): Promise<Remembered> {
    await this.close();
    const { rows } = await this.#client.query<{ orders: number; fingerprint: string; at: Date }>(
      `select f.*, clock_timestamp() as at from (${FINGERPRINT}) f`,
    );
    const row = rows[0];
    if (!row) throw new Error('the fingerprint query gave no row');
    // A restore target has milliseconds: up to the next whole one, and nothing else is written until it has passed.
    const at = new Date(row.at.getTime() + 2);
    await sleep(10);
    this.#rememberedAt = at;
    return { at, orders: row.orders, fingerprint: row.fingerprint };
  }

  /** The accident, and some writes after it that must not come back. */
  async drop(): Promise<Date> {
    await this.#client.query('drop table orders');
    const at = new Date();
    for (let beat = 0; beat < 100; beat += 1) {
      await this.#client.query('insert into heartbeats values (clock_timestamp())');
    }
    return at;
  }

  async stop(): Promise<void> {
    await this.#client.end();
  }

  async inspect(server: PostgresServer): Promise<Inspected> {
    const [data] = await server.query<{ orders: number; fingerprint: string }>(FINGERPRINT);
    const [facts] = await server.query<{ last: Date; later: number; timeline: string }>(
      `select (select max(placed_at) from orders) as last,
              (select count(*)::int from heartbeats where at > $1) as later,
              left(pg_walfile_name(pg_current_wal_lsn()), 8) as timeline`,
      [this.#rememberedAt],
    );
    // The last line of the new timeline's history says where it left the old one: the point that recovery reached.
    const [history] = await server.query<{ text: string }>('select pg_read_file($1) as text', [
      `pg_wal/${facts?.timeline}.history`,
    ]);
    if (!data || !facts || !history) throw new Error('the restored server answered without rows');
    return {
      orders: data.orders,
      fingerprint: data.fingerprint,
      lastOrderAt: facts.last,
      laterHeartbeats: facts.later,
      recoveredLsn: history.text.trim().split('\n').at(-1)?.split('\t')[1] ?? '',
      timeline: Number.parseInt(facts.timeline, 16),
    };
  }
}
