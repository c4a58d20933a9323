import { type Measured, median } from './measure.ts';

/** One line of a table: a name and its figures. */
export function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(36) : cell.padStart(10))).join('');
}

export function line(name: string, { wallSeconds, cpuSeconds, peakBytes }: Measured, bytesStored?: number): string {
  const stored = bytesStored === undefined ? [] : [(bytesStored / 1e6).toFixed(1)];
  return row([name, wallSeconds.toFixed(2), cpuSeconds.toFixed(2), mebibytes(peakBytes), ...stored]);
}

/** How the medians of two programs compare; processor time only where the other's is more than a few clock ticks. */
export function ratios(own: readonly Measured[], peer: readonly Measured[]): string {
  const [a, b] = [median(own), median(peer)];
  const wall = `${(a.wallSeconds / b.wallSeconds).toFixed(2)} of the wall time`;
  return b.cpuSeconds < 0.1 ? wall : `${wall} and ${(a.cpuSeconds / b.cpuSeconds).toFixed(2)} of the processor time`;
}

export function mebibytes(count: number): string {
  return (count / 2 ** 20).toFixed(0);
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
