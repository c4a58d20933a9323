import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Slice, Taken, Task } from './worker.ts';

/** A worker.ts that waits between its slices. */
export class WorkerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  private constructor(task: Task) {
    this.#child = fork(path.join(import.meta.dirname, 'worker.ts'), [JSON.stringify(task)]);
    this.#ended = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`the process of ${task.client} ended with ${code}`);
    });
    this.#ended.catch(() => undefined);
  }

  static async start(task: Task): Promise<WorkerProcess> {
    const worker = new WorkerProcess(task);
    await worker.#answer();
    return worker;
  }

  async take(slice: Slice): Promise<Taken> {
    this.#child.send(slice);
    return (await this.#answer()) as Taken;
  }

  async #answer(): Promise<unknown> {
    const [message] = await Promise.race([once(this.#child, 'message'), this.#ended]);
    return message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended.catch(() => undefined);
  }
}
