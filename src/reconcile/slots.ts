/** Lets at most `limit` pieces of work run at a time, in the order in which they asked. */
export interface Slots {
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createSlots(limit: number): Slots {
  const waiting: (() => void)[] = [];
  let free = limit;

  return {
    async run(work) {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        // A slot is handed over rather than freed, so that a newcomer cannot overtake.
        const next = waiting.shift();
        if (next) next();
        else free += 1;
      }
    },
  };
}
