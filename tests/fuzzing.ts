/**
 * Mutated files for one parser: 20,000 and always the same ones in `npm test`, or as many as `npm run fuzz -- --inputs N [PARSERS]` says, from a seed that it
 * prints. An input depends on the seed and its own number alone, so what is printed for one that fails (TENDRIL_FIRST) draws that one again.
 */
import { relative } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { Rng } from "../src/core/index.ts";
import { ImageFormatError } from "../src/image/errors.ts";

const USUAL = { inputs: 20_000, seed: 20261127 };
const MIB = 2 ** 20;
/** Of processor time for each MiB of input, and for the smallest: other work on the machine does not lengthen it, but the compiler's threads count. */
export const LONGEST_MS = 1000;
/** Beside what the process had at its largest before. */
export const MOST_EXTRA_BYTES = 64 * MIB;
/** Bytes of a failing input that are printed as well. */
const PRINTED = 4096;
/** Inputs between two turns of the event loop, without which the test runner takes the process for dead. */
const TURN = 500;

interface Parser {
  /** One input: a sound file, changed as a broken disk, a broken writer or an attacker would. */
  readonly draw: (rng: Rng, round: number) => Uint8Array;
  /** Reads it, and throws when what comes out contradicts itself; an `ImageFormatError` is a refusal, any other error a finding. */
  readonly read: (bytes: Uint8Array) => void | Promise<void>;
  /** The share that may be read. Were it none or all, the mutations would test nothing. */
  readonly readShare: readonly [least: number, most: number];
}

/** @param name  of the format, for `npm run fuzz`, which finds it by this call */
export function mutations(name: string, { draw, read, readShare }: Parser): void {
  const { TENDRIL_INPUTS, TENDRIL_SEED, TENDRIL_FIRST } = process.env;
  const count = Number(TENDRIL_INPUTS ?? USUAL.inputs);
  // The seed in the environment is also that of the property tests, which are run without TENDRIL_INPUTS.
  const seed = TENDRIL_INPUTS && TENDRIL_SEED ? Number(TENDRIL_SEED) : USUAL.seed;
  const first = Number(TENDRIL_FIRST ?? 0);
  const root = Rng.seeded(seed).at(name);

  test(`mutations of ${name} give an image or a reason`, { timeout: 60_000 + 30 * count }, async ({ task }) => {
    let opened = 0;
    let slowest = { took: 0, round: first };
    let peak = peakBytes();
    for (let round = first; round < first + count; round++) {
      if (round % TURN === 0) await setImmediate();
      const bytes = draw(root.at(round), round);
      const finding = (what: string, cause?: unknown) => {
        const command = `TENDRIL_SEED=${seed} TENDRIL_FIRST=${round} TENDRIL_INPUTS=1 npx vitest run ${relative(".", task.file.filepath)} -t mutations.of.${name}.`;
        const printed = bytes.length > PRINTED ? "" : ` Its bytes: ${Buffer.from(bytes).toString("base64")}`;
        return new Error(`${name}, input ${round}, ${what}. The same again: ${command}${printed}`, { cause });
      };
      const before = process.cpuUsage();
      if (await isRead(read, bytes, finding)) opened++;
      const took = millisecondsSince(before);
      if (took > LONGEST_MS * Math.max(1, bytes.length / MIB))
        throw finding(`took ${took} ms for ${bytes.length} bytes`);
      if (took > slowest.took) slowest = { took, round };
      const now = peakBytes();
      if (now - peak > MOST_EXTRA_BYTES) throw finding(`took ${mebibytes(now - peak)} more than any before`);
      peak = now;
    }
    if (TENDRIL_INPUTS)
      console.log(
        `${name}: ${count} inputs from number ${first}, seed ${seed}: ${opened} read, ${count - opened} refused; ` +
          `slowest ${Math.ceil(slowest.took)} ms (input ${slowest.round}); process at its largest ${mebibytes(peak)}.`,
      );
    if (count < 1000) return;
    expect(opened / count).toBeGreaterThan(readShare[0]);
    expect(opened / count).toBeLessThan(readShare[1]);
  });
}

async function isRead(
  read: Parser["read"],
  bytes: Uint8Array,
  finding: (what: string, cause: unknown) => Error,
): Promise<boolean> {
  try {
    await read(bytes);
    return true;
  } catch (error) {
    if (error instanceof ImageFormatError) return false;
    throw finding("gave no typed error", error);
  }
}

export function millisecondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / MIB)} MiB`;
}

export function pick<T>(rng: Rng, items: readonly T[]): T {
  return items[rng.below(items.length)];
}

/** Numbers that a field must not be trusted with. */
export const HOSTILE = [0, 1, 2, 3, 7, 8, 9, 255, 256, 4096, 32767, 65535, 2 ** 26, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

export type Mutate = (rng: Rng, bytes: Uint8Array) => Uint8Array;

/** Changes of bytes that know nothing of a format; they may change the array that they are given. */
export const flip: Mutate = (rng, bytes) => {
  if (bytes.length > 0) bytes[rng.below(bytes.length)] ^= 1 << rng.below(8);
  return bytes;
};
export const cut: Mutate = (rng, bytes) => bytes.slice(0, 1 + rng.below(bytes.length));
export const copyWithin: Mutate = (rng, bytes) => {
  const from = rng.below(bytes.length);
  return bytes.copyWithin(rng.below(bytes.length), from, from + rng.below(64));
};

/** One to three of the changes. What cannot be changed any more, because an earlier change broke its structure, stays as it is. */
export function mutate(rng: Rng, whole: Uint8Array, changes: readonly Mutate[]): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(whole);
  for (let i = rng.below(3); i >= 0; i--) {
    try {
      bytes = pick(rng, changes)(rng, bytes);
    } catch {
      return bytes;
    }
  }
  return bytes;
}
