import type { DesiredNotification } from '../domain/desired-storage.ts';
import type { ObjectStore } from './object-store.ts';
import type { StorageContext } from './storage-context.ts';

/** What waits while the receiver is slow; more is dropped, for the work must not wait for it. */
const MOST_WAITING = 1000;
const POST_MILLISECONDS = 5000;
const CLOSE_MILLISECONDS = 5000;

interface Notice {
  readonly op: 'created' | 'deleted';
  readonly key: string;
  readonly size?: number;
  readonly time: string;
}

/** Tells a URL of every object that is created or deleted. Best effort: neither a slow nor a broken receiver is felt by the work. */
export function notifyingStore(
  store: ObjectStore,
  notification: DesiredNotification,
  context: Pick<StorageContext, 'clock' | 'reporter'>,
): ObjectStore {
  const notices = new Notices(notification.url, context);
  const time = (): string => new Date(context.clock.now()).toISOString();
  return {
    ...store,
    async put(key, body, options) {
      const info = await store.put(key, body, options);
      notices.add({ op: 'created', key, size: info.size, time: time() });
      return info;
    },
    async deleteMany(keys, options) {
      const results = await store.deleteMany(keys, options);
      for (const { key, kind } of results) if (kind === 'removed') notices.add({ op: 'deleted', key, time: time() });
      return results;
    },
    async close() {
      await notices.end();
      await store.close();
    },
  };
}

class Notices {
  readonly #url: string;
  readonly #context: Pick<StorageContext, 'reporter'>;
  readonly #waiting: Notice[] = [];
  readonly #closed = new AbortController();
  #sending: Promise<void> | undefined;
  #lost = 0;

  constructor(url: string, context: Pick<StorageContext, 'reporter'>) {
    this.#url = url;
    this.#context = context;
  }

  add(notice: Notice): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#lose('it does not keep up');
      return;
    }
    this.#waiting.push(notice);
    this.#sending ??= this.#send();
  }

  /** Gives what waits a last moment. */
  async end(): Promise<void> {
    const late = setTimeout(() => this.#closed.abort(), CLOSE_MILLISECONDS);
    await this.#sending;
    clearTimeout(late);
  }

  async #send(): Promise<void> {
    for (let notice = this.#waiting.shift(); notice !== undefined; notice = this.#waiting.shift()) {
      try {
        const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(POST_MILLISECONDS)]);
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch(this.#url, { method: 'POST', headers, body: JSON.stringify(notice), signal });
        await answer.body?.cancel();
        if (!answer.ok) this.#lose(`it answered ${answer.status}`);
      } catch (error) {
        this.#lose(error instanceof Error ? error.message : String(error));
      }
      if (this.#closed.signal.aborted) this.#waiting.length = 0;
    }
    this.#sending = undefined;
  }

  /** Said once: a receiver that is down is down for thousands of objects. */
  #lose(why: string): void {
    this.#lost += 1;
    if (this.#lost > 1) return;
    // The path and query of the URL may be a secret.
    const host = URL.parse(this.#url)?.host ?? 'the notified URL';
    const message = `${host} was not notified of an object: ${why}; further failures are not reported`;
    this.#context.reporter.report({ kind: 'note', level: 'warning', message });
  }
}
