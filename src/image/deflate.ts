/**
 * The size that a zlib stream (RFC 1950, RFC 1951) unpacks to, found by reading its symbols without unpacking it.
 *
 * The library that unpacks takes no limit, and DEFLATE packs up to 1,032 : 1, so a small file could fill the memory. This
 * walk holds nothing but two code tables and stops at the limit. It accepts no stream that zlib refuses; the stream's own
 * Adler-32 is not computed, since a PNG protects the same bytes with a CRC-32.
 */

/** The stream cannot be unpacked within the limit. */
export class DeflateError extends Error {
  readonly kind: "cut-short" | "damaged" | "too-large";
  /** Bytes read of the stream when it was noticed. */
  readonly at: number;

  constructor(kind: DeflateError["kind"], at: number) {
    super(`zlib stream is ${kind} at byte ${at}`);
    this.kind = kind;
    this.at = at;
  }
}

export interface ZlibSize {
  /** Bytes that come out. */
  readonly size: number;
  /** Bytes that the stream takes, header and checksum included; what follows is not part of it. */
  readonly end: number;
}

/** @throws {DeflateError} when more than `limit` bytes would come out, or the stream is cut short or wrong */
export function measureZlib(bytes: Uint8Array, limit: number): ZlibSize {
  return new Walk(bytes, limit).stream();
}

/** As `measureZlib`, of a stream without header and checksum (RFC 1951 alone), as gzip wraps it. */
export function measureDeflate(bytes: Uint8Array, limit: number): ZlibSize {
  return new Walk(bytes, limit).raw();
}

const CHECKSUM_BYTES = 4;
const LONGEST_CODE = 15;
const END_OF_BLOCK = 256;
const LAST_LENGTH_SYMBOL = 285;
const LAST_DISTANCE_SYMBOL = 29;

// RFC 1951, section 3.2.5.
const LENGTH_EXTRA = [...bitsOf([8, 4, 4, 4, 4, 4]), 0];
const LENGTH_BASE = [...basesOf(LENGTH_EXTRA.slice(0, -1), 3), 258];
const DISTANCE_EXTRA = bitsOf([4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
const DISTANCE_BASE = basesOf(DISTANCE_EXTRA, 1);
// RFC 1951, section 3.2.7: the order in which code lengths of code lengths are stored.
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** How often each number of extra bits occurs, from 0, written out. */
function bitsOf(counts: readonly number[]): number[] {
  return counts.flatMap((count, bits) => Array<number>(count).fill(bits));
}

/** Each value's base follows the largest that the one before can reach. */
function basesOf(extra: readonly number[], first: number): number[] {
  let base = first;
  return extra.map((bits) => {
    const own = base;
    base += 1 << bits;
    return own;
  });
}

/** Indexed by the next `bits` bits of the stream: symbol * 16 + length of its code; 0 where no code fits. */
interface CodeTable {
  readonly entries: Uint16Array;
  readonly bits: number;
}

const FIXED_LITERALS = codeTable([
  ...Array<number>(144).fill(8),
  ...Array<number>(112).fill(9),
  ...Array<number>(24).fill(7),
  ...Array<number>(8).fill(8),
])!;
const FIXED_DISTANCES = codeTable(Array<number>(32).fill(5))!;

/** @returns null when the lengths describe no prefix code (RFC 1951, section 3.2.2) */
function codeTable(lengths: readonly number[]): CodeTable | null {
  const counts = new Uint16Array(LONGEST_CODE + 1);
  for (const length of lengths) if (length > 0) counts[length]++;
  let bits = LONGEST_CODE;
  while (bits > 0 && counts[bits] === 0) bits--;
  const next = new Uint16Array(LONGEST_CODE + 2);
  let free = 1;
  for (let length = 1; length <= LONGEST_CODE; length++) {
    free = 2 * free - counts[length];
    if (free < 0) return null;
    next[length + 1] = (next[length] + counts[length]) << 1;
  }
  // As zlib: codes may be left over only when there is none at all, or one of one bit.
  if (free > 0 && bits > 1) return null;
  const entries = new Uint16Array(1 << bits);
  lengths.forEach((length, symbol) => {
    if (length === 0) return;
    const reversed = reverse(next[length]++, length);
    for (let i = reversed; i < entries.length; i += 1 << length) entries[i] = symbol * 16 + length;
  });
  return { entries, bits };
}

function reverse(code: number, length: number): number {
  let reversed = 0;
  for (let i = 0; i < length; i++) reversed |= ((code >> i) & 1) << (length - 1 - i);
  return reversed;
}

class Walk {
  private readonly bytes: Uint8Array;
  private readonly limit: number;
  private position = 0;
  /** Bits read from the bytes and not yet used, the next one lowest. */
  private held = 0;
  private heldBits = 0;
  private size = 0;

  constructor(bytes: Uint8Array, limit: number) {
    this.bytes = bytes;
    this.limit = limit;
  }

  stream(): ZlibSize {
    this.header();
    const { size, end } = this.raw();
    if (end + CHECKSUM_BYTES > this.bytes.length) throw this.stopped("cut-short");
    return { size, end: end + CHECKSUM_BYTES };
  }

  raw(): ZlibSize {
    let isLast = false;
    while (!isLast) {
      isLast = this.take(1) === 1;
      const type = this.take(2);
      if (type === 0) this.stored();
      else if (type === 1) this.coded(FIXED_LITERALS, FIXED_DISTANCES);
      else if (type === 2) this.dynamic();
      else throw this.stopped("damaged");
    }
    this.alignToByte();
    return { size: this.size, end: this.position };
  }

  private header(): void {
    const method = this.take(8);
    const flags = this.take(8);
    const usesDictionary = (flags & 0x20) !== 0;
    if ((method & 15) !== 8 || method >> 4 > 7 || (method * 256 + flags) % 31 !== 0 || usesDictionary)
      throw this.stopped("damaged");
  }

  private stored(): void {
    this.alignToByte();
    const length = this.take(16);
    if (this.take(16) !== (length ^ 0xffff)) throw this.stopped("damaged");
    if (this.position + length > this.bytes.length) throw this.stopped("cut-short");
    this.position += length;
    this.grow(length);
  }

  private coded(literals: CodeTable, distances: CodeTable): void {
    for (;;) {
      const symbol = this.symbol(literals);
      if (symbol < END_OF_BLOCK) {
        this.grow(1);
        continue;
      }
      if (symbol === END_OF_BLOCK) return;
      if (symbol > LAST_LENGTH_SYMBOL) throw this.stopped("damaged");
      const length = LENGTH_BASE[symbol - 257] + this.take(LENGTH_EXTRA[symbol - 257]);
      const distanceSymbol = this.symbol(distances);
      if (distanceSymbol > LAST_DISTANCE_SYMBOL) throw this.stopped("damaged");
      const distance = DISTANCE_BASE[distanceSymbol] + this.take(DISTANCE_EXTRA[distanceSymbol]);
      if (distance > this.size) throw this.stopped("damaged");
      this.grow(length);
    }
  }

  private dynamic(): void {
    const literals = this.take(5) + 257;
    const distances = this.take(5) + 1;
    const stored = this.take(4) + 4;
    if (literals > LAST_LENGTH_SYMBOL + 1 || distances > LAST_DISTANCE_SYMBOL + 1) throw this.stopped("damaged");
    const ofLengths = Array<number>(CODE_LENGTH_ORDER.length).fill(0);
    for (let i = 0; i < stored; i++) ofLengths[CODE_LENGTH_ORDER[i]] = this.take(3);
    const lengths = this.codeLengths(this.table(ofLengths), literals + distances);
    if (lengths[END_OF_BLOCK] === 0) throw this.stopped("damaged");
    this.coded(this.table(lengths.slice(0, literals)), this.table(lengths.slice(literals)));
  }

  private codeLengths(table: CodeTable, count: number): number[] {
    const lengths: number[] = [];
    while (lengths.length < count) {
      const symbol = this.symbol(table);
      if (symbol < 16) {
        lengths.push(symbol);
        continue;
      }
      if (symbol === 16 && lengths.length === 0) throw this.stopped("damaged");
      const repeated = symbol === 16 ? lengths[lengths.length - 1] : 0;
      const times = symbol === 16 ? 3 + this.take(2) : symbol === 17 ? 3 + this.take(3) : 11 + this.take(7);
      if (lengths.length + times > count) throw this.stopped("damaged");
      for (let i = 0; i < times; i++) lengths.push(repeated);
    }
    return lengths;
  }

  private table(lengths: readonly number[]): CodeTable {
    const table = codeTable(lengths);
    if (!table) throw this.stopped("damaged");
    return table;
  }

  private symbol({ entries, bits }: CodeTable): number {
    // Near the end fewer bits are there than the longest code has; the missing ones read as 0 and are checked below.
    while (this.heldBits < bits && this.position < this.bytes.length) this.hold();
    const entry = entries[this.held & ((1 << bits) - 1)];
    const length = entry & 15;
    if (length > this.heldBits) throw this.stopped("cut-short");
    if (length === 0) throw this.stopped(this.heldBits < bits ? "cut-short" : "damaged");
    this.held >>>= length;
    this.heldBits -= length;
    return entry >> 4;
  }

  private take(count: number): number {
    while (this.heldBits < count) {
      if (this.position >= this.bytes.length) throw this.stopped("cut-short");
      this.hold();
    }
    const value = this.held & ((1 << count) - 1);
    this.held >>>= count;
    this.heldBits -= count;
    return value;
  }

  private hold(): void {
    this.held |= this.bytes[this.position++] << this.heldBits;
    this.heldBits += 8;
  }

  /** Gives back whole bytes that were read ahead and drops the rest of the current one. */
  private alignToByte(): void {
    this.position -= this.heldBits >> 3;
    this.held = 0;
    this.heldBits = 0;
  }

  private grow(count: number): void {
    this.size += count;
    if (this.size > this.limit) throw this.stopped("too-large");
  }

  private stopped(kind: DeflateError["kind"]): DeflateError {
    return new DeflateError(kind, this.position);
  }
}
