/**
 * JPEG Lossless with Huffman codes (ITU-T T.81, process 14, annex H) to samples: each is predicted from neighbours that are known, and the difference is what is stored.
 *
 *   c b        1: a            4: a + b - c              7: (a + b) / 2
 *   a x        2: b            5: a + (b - c) / 2        (halves rounded down)
 *              3: c            6: b + (a - c) / 2
 *
 * On the first row, and on the first one behind each restart marker, the sample to the left predicts; in the first column the one above.
 */
import type { Codestream } from "./dicom-codestream.ts";

/** The stream is damaged, or of a kind that does not occur. */
export class LosslessError extends Error {}

const TABLES = 0xc4;
const FRAME = 0xc3;
const END = 0xd9;
const SCAN = 0xda;
const RESTART_INTERVAL = 0xdd;
const RESTART = 0xd0;
const LONGEST_CODE = 16;

/** Indexed by the next `bits` bits: symbol * 32 + length of its code; 0 where no code fits. */
interface CodeTable {
  readonly entries: Uint16Array;
  readonly bits: number;
}

interface Scan {
  /** Which component each of the scan's is, and its codes */
  readonly components: readonly { readonly index: number; readonly table: CodeTable }[];
  /** The predictor, 1 to 7 */
  readonly selection: number;
  /** Lowest bits that are not stored */
  readonly shift: number;
  /** Between two restart markers; all where there is none */
  readonly rows: number;
}

/**
 * @returns [pixels, components]
 * @throws {LosslessError} when the stream ends before its pixels do, or is damaged otherwise
 */
export function unpackLossless(stream: Codestream): Uint8Array | Uint16Array {
  const { coded, width, height, components, bits } = stream;
  const samples = new (bits > 8 ? Uint16Array : Uint8Array)(width * height * components);
  const tables = new Map<number, CodeTable>();
  const done = new Set<number>();
  let ids: number[] = [];
  let interval = 0;
  for (let at = 2; at + 4 <= coded.length; ) {
    if (coded[at] !== 0xff) throw new LosslessError(`no marker at byte ${at}`);
    const kind = coded[at + 1];
    if (kind === END) break;
    // Any number of them may stand before a marker.
    if (kind === 0xff) {
      at++;
      continue;
    }
    const end = at + 2 + uint16(coded, at + 2);
    const segment = coded.subarray(at + 4, end);
    if (end < at + 4 || end > coded.length) throw new LosslessError(`a segment beyond the end at byte ${at}`);
    at = end;
    if (kind === TABLES) readTables(segment, tables);
    else if (kind === FRAME) ids = readComponents(segment);
    else if (kind === RESTART_INTERVAL) interval = uint16(segment, 0);
    else if (kind === SCAN) {
      const scan = readScan(segment, ids, tables, interval, stream);
      for (const { index } of scan.components) {
        if (done.has(index)) throw new LosslessError(`component ${index} twice`);
        done.add(index);
      }
      at = decodeScan(scan, samples, stream, at);
    }
  }
  if (done.size !== components) throw new LosslessError(`${done.size} of ${components} components are there`);
  return samples;
}

/** Huffman tables (T.81, annex C): how many codes there are of each length, and what they stand for, in the order of the codes. */
function readTables(segment: Uint8Array, tables: Map<number, CodeTable>): void {
  for (let at = 0; at < segment.length; ) {
    const id = segment[at];
    const counts = segment.subarray(at + 1, at + 1 + LONGEST_CODE);
    const symbols = at + 1 + LONGEST_CODE;
    at = symbols + counts.reduce((sum, count) => sum + count, 0);
    if (at > segment.length) throw new LosslessError("a table of codes that is cut short");
    tables.set(id, tableOf(counts, segment.subarray(symbols, at)));
  }
}

function tableOf(counts: Uint8Array, symbols: Uint8Array): CodeTable {
  const bits = counts.findLastIndex((count) => count > 0) + 1;
  const entries = new Uint16Array(1 << bits);
  let filled = 0;
  let next = 0;
  counts.forEach((count, i) => {
    for (let k = 0; k < count; k++, next++) {
      const end = filled + (1 << (bits - i - 1));
      // A difference has at most 16 bits.
      if (end > entries.length || symbols[next] > 16) throw new LosslessError("a table of codes that cannot be");
      entries.fill(symbols[next] * 32 + i + 1, filled, end);
      filled = end;
    }
  });
  return { entries, bits };
}

function uint16(bytes: Uint8Array, at: number): number {
  return bytes[at] * 256 + bytes[at + 1];
}

/** The components' numbers, in their order. */
function readComponents(segment: Uint8Array): number[] {
  const places = Array.from({ length: segment[5] }, (_, i) => 6 + 3 * i);
  if (places.some((at) => segment[at + 1] !== segment[7])) throw new LosslessError("components of different sizes");
  return places.map((at) => segment[at]);
}

function readScan(
  segment: Uint8Array,
  ids: readonly number[],
  tables: ReadonlyMap<number, CodeTable>,
  interval: number,
  { width, height, bits }: Codestream,
): Scan {
  const [count] = segment;
  const components = Array.from({ length: count }, (_, i) => {
    const [id, tableIds] = segment.subarray(1 + 2 * i);
    const table = tables.get(tableIds >> 4);
    if (!ids.includes(id) || !table) throw new LosslessError(`no component ${id}, or no table for it`);
    return { index: ids.indexOf(id), table };
  });
  const [selection, , shift] = segment.subarray(1 + 2 * count);
  if (!(selection >= 1 && selection <= 7 && shift < bits)) throw new LosslessError(`predictor ${selection}`);
  if (interval % width !== 0) throw new LosslessError(`restart markers within rows, after ${interval} pixels`);
  return { components, selection, shift, rows: interval === 0 ? height : interval / width };
}

/** @param from  where its codes begin @returns where they end */
function decodeScan(
  { components: own, selection, shift, rows }: Scan,
  samples: Uint8Array | Uint16Array,
  { coded, width, height, components, bits: precision }: Codestream,
  from: number,
): number {
  const row = width * components;
  const first = 1 << (precision - shift - 1);
  let bits = new Bits(coded, from);
  for (let y = 0; y < height; y++) {
    const isFirst = y % rows === 0;
    if (isFirst && y > 0) bits = bits.afterRestart();
    for (let x = 0; x < width; x++) {
      for (let i = 0; i < own.length; i++) {
        const { index, table } = own[i];
        const at = y * row + x * components + index;
        let predicted: number;
        if (isFirst) predicted = x === 0 ? first : samples[at - components];
        else if (x === 0) predicted = samples[at - row];
        else {
          const above = at - row;
          predicted = predict(selection, samples[at - components], samples[above], samples[above - components]);
        }
        samples[at] = predicted + bits.difference(table);
      }
    }
    bits.requireThere();
  }
  if (shift > 0)
    for (const { index } of own) for (let at = index; at < samples.length; at += components) samples[at] <<= shift;
  return bits.nextMarker();
}

function predict(selection: number, a: number, b: number, c: number): number {
  switch (selection) {
    case 1:
      return a;
    case 2:
      return b;
    case 3:
      return c;
    case 4:
      return a + b - c;
    case 5:
      return a + ((b - c) >> 1);
    case 6:
      return b + ((a - c) >> 1);
    default:
      return (a + b) >> 1;
  }
}

/** Reads codes, the highest bit of a byte first, up to the next marker; what is read beyond it is zeros, and counted. */
class Bits {
  private readonly bytes: Uint8Array;
  private at: number;
  /** Bits read from the bytes and not yet used: the lowest `count` of them. */
  private held = 0;
  private count = 0;
  private beyond = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** A difference's code says how many bits it has, which follow (T.81, H.1.2.2). */
  difference({ entries, bits }: CodeTable): number {
    if (this.count < bits) this.hold();
    const entry = entries[(this.held >>> (this.count - bits)) & ((1 << bits) - 1)];
    if (entry === 0) throw new LosslessError(`no code at byte ${this.at}`);
    this.count -= entry & 31;
    const size = entry >> 5;
    if (size === 0) return 0;
    if (size === 16) return 32768;
    if (this.count < size) this.hold();
    this.count -= size;
    const value = (this.held >>> this.count) & ((1 << size) - 1);
    return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
  }

  /** Fails when bits were used that are not there. */
  requireThere(): void {
    if (this.count < this.beyond) throw new LosslessError(`ends early, at byte ${this.at}`);
  }

  afterRestart(): Bits {
    const marker = this.nextMarker();
    if ((this.bytes[marker + 1] & 0xf8) !== RESTART) throw new LosslessError(`no restart marker at byte ${marker}`);
    return new Bits(this.bytes, marker + 2);
  }

  /** Where the next marker is, behind what is left of the last byte. */
  nextMarker(): number {
    let { at } = this;
    while (at < this.bytes.length && !(this.bytes[at] === 0xff && this.bytes[at + 1] !== 0)) at++;
    return at;
  }

  private hold(): void {
    const { bytes } = this;
    while (this.count <= 24) {
      let byte = bytes[this.at];
      if (byte === 0xff && bytes[this.at + 1] === 0) this.at += 2;
      else if (byte === 0xff || this.at >= bytes.length) {
        byte = 0;
        this.beyond += 8;
      } else this.at++;
      this.held = (this.held << 8) | byte;
      this.count += 8;
    }
  }
}
