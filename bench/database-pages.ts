/** Bytes of a heap page of PostgreSQL, and of one row of pgbench_accounts on it with its header (61 fit). */
const PAGE = 8192;
const ROW = 128;
const ROWS = 61;

/** Noise in a thousand pages: 200 MB of a cluster of 2.2 GB, the one that other figures of this project are from. */
const NOISE_PER_MILLE = 90;

/**
 * Heap pages as pgbench fills them (counters, a blank filler of 84 bytes), some with the balance and the transaction of later updates, and
 * between them pages of noise. The same for the same size on every machine.
 */
export function databasePages(bytes: number): Buffer {
  const data = Buffer.alloc(Math.ceil(bytes / PAGE) * PAGE);
  const random = createRandom(0x9e3779b9);
  for (let page = 0; page * PAGE < data.length; page += 1) {
    const at = data.subarray(page * PAGE, (page + 1) * PAGE);
    if (random() % 1000 < NOISE_PER_MILLE)
      for (let index = 0; index < PAGE; index += 4) at.writeUInt32LE(random(), index);
    else fillHeapPage(at, page, random);
  }
  return data.subarray(0, bytes);
}

function fillHeapPage(page: Buffer, number: number, random: () => number): void {
  const updated = random() % 10 === 0;
  // PageHeaderData: LSN, checksum, flags, lower, upper, special, size and version.
  page.writeUInt32LE(2, 0);
  page.writeUInt32LE(0x1000000 + number * PAGE, 4);
  page.writeUInt16LE(random() & 0xffff, 8);
  page.writeUInt16LE(24 + ROWS * 4, 12);
  page.writeUInt16LE(PAGE - ROWS * ROW, 14);
  page.writeUInt16LE(PAGE, 16);
  page.writeUInt16LE(PAGE | 4, 18);
  for (let row = 0; row < ROWS; row += 1) {
    const offset = PAGE - (row + 1) * ROW;
    // ItemIdData: offset, normal, length 121.
    page.writeUInt32LE(offset | (1 << 15) | (121 << 17), 24 + row * 4);
    const tuple = page.subarray(offset, offset + ROW);
    // HeapTupleHeaderData: xmin, xmax, command, own place, attributes, flags, header's length.
    const changed = updated && random() % 4 === 0;
    tuple.writeUInt32LE(changed ? 800 + (random() % 100_000) : 742, 0);
    tuple.writeUInt16LE(number >>> 16, 12);
    tuple.writeUInt16LE(number & 0xffff, 14);
    tuple.writeUInt16LE(row + 1, 16);
    tuple.writeUInt16LE(4, 18);
    tuple.writeUInt16LE(0x0902, 20);
    tuple.writeUInt8(24, 22);
    const account = number * ROWS + row + 1;
    tuple.writeInt32LE(account, 24);
    tuple.writeInt32LE(1 + Math.floor(account / 100_000), 28);
    tuple.writeInt32LE(changed ? (random() % 10_000) - 5000 : 0, 32);
    tuple.writeUInt8(0xab, 36);
    tuple.fill(0x20, 37, 121);
  }
}

/** Marsaglia's xorshift of 32 bits: a stream that no codec can shorten, from a seed. */
function createRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
