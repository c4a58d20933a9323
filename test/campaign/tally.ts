const MOST_CHANGES = 500;

/** Counts what the campaign did and gathers what it found; nothing stops at the first fault. */
export class Tally {
  readonly name: string;
  readonly faults: string[] = [];
  readonly counts = new Map<string, number>();
  readonly #started = performance.now();

  constructor(name: string) {
    this.name = name;
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  /** One thing that must hold. `detail` is asked for only where it does not. */
  check(holds: boolean, where: string, what: string, detail: () => string = () => ''): void {
    this.count('checks');
    if (holds) return;
    const fault = `${where}: ${what}${detail() === '' ? '' : `\n${detail()}`}`;
    this.faults.push(fault);
    this.say(`FAULT ${fault}`);
  }

  say(line: string): void {
    process.stdout.write(`[${this.#seconds()} s] ${this.name}: ${line}\n`);
  }

  /** Runs one point; what it throws is a fault of that point. */
  async attempt<T>(where: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.check(false, where, 'unexpected', () =>
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
      return undefined;
    }
  }

  /** Runs `point` at 1, 2, 3, … until it says that there was nothing left to kill. */
  async everyChange(name: string, point: (at: number, where: string) => Promise<boolean>): Promise<void> {
    for (let at = 1; at <= MOST_CHANGES; at += 1) {
      const where = `${name} change ${at}`;
      if ((await this.attempt(where, () => point(at, where))) === true) return;
      if (at % 20 === 0) this.say(`${where}, ${this.faults.length} faults`);
    }
    this.check(false, name, `there were more than ${MOST_CHANGES} changes`);
  }

  summary(): string {
    const counts = [...this.counts].map(([what, count]) => `${count} ${what}`).join(', ');
    return `${this.name}: ${this.faults.length} faults; ${counts}; ${this.#seconds()} s`;
  }

  #seconds(): number {
    return Math.round((performance.now() - this.#started) / 1000);
  }
}
