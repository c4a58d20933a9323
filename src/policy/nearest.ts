/**
 * The candidate that was probably meant by `word`, or undefined where none is near. Case, hyphens and underscores do not count, so
 * `time_zone` finds `timeZone`; of equally near ones the longer common beginning wins, then the order of the candidates.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = plain(word);
  let best: { readonly candidate: string; readonly distance: number; readonly prefix: number } | undefined;
  for (const candidate of candidates) {
    const other = plain(candidate);
    const distance = distanceOf(wanted, other);
    if (distance > tolerance(wanted, other)) continue;
    const prefix = commonPrefix(wanted, other);
    if (!best || distance < best.distance || (distance === best.distance && prefix > best.prefix)) {
      best = { candidate, distance, prefix };
    }
  }
  return best?.candidate;
}

// Longer words are no typos of keys; the table below would grow with their square.
const LONGEST = 64;

function plain(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, '');
}

// A third of the letters may be wrong: one in "time", two in "policy".
function tolerance(a: string, b: string): number {
  return Math.max(1, Math.floor(Math.max(a.length, b.length) / 3));
}

function commonPrefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}

function distanceOf(a: string, b: string): number {
  if (a === b) return 0;
  if (a.length < 2 || b.length < 2 || a.length > LONGEST || b.length > LONGEST) return Number.POSITIVE_INFINITY;
  // A whole word more or less, as in `bucket_name` for `bucket`.
  if (Math.min(a.length, b.length) >= 4 && (a.startsWith(b) || b.startsWith(a)))
    return Math.min(2, Math.abs(a.length - b.length));
  return damerauLevenshtein(a, b);
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function damerauLevenshtein(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let value = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        value = Math.min(value, (beforeLast[j - 2] ?? 0) + 1);
      row.push(value);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
