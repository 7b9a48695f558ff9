/**
 * Seeded random numbers that can be split, the same in Node and the browser (`tests/core/rng.test.ts` holds the numbers).
 *
 * The generator is sfc32 (C. Doty-Humphrey, PractRand): 128 bits of state, integer arithmetic only. `at` derives an
 * independent generator from a key without touching this one, so that every concern and every step has its own:
 * `rng.at("partials").at(step)` needs no history, which is what makes a resumed run exact.
 */

export type RngState = readonly [number, number, number, number];

export class Rng {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  private constructor(state: RngState) {
    [this.a, this.b, this.c, this.d] = state;
  }

  /** @param seed  any 53-bit integer */
  static seeded(seed: number): Rng {
    return Rng.mixed([seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 0x9e3779b9, 1]);
  }

  static from(state: RngState): Rng {
    return new Rng(state);
  }

  get state(): RngState {
    return [this.a, this.b, this.c, this.d];
  }

  /** An independent generator for `key`; this one does not advance. */
  at(key: string | number): Rng {
    const words: [number, number, number, number] = [this.a, this.b, this.c, this.d];
    const text = typeof key === "number" ? `#${key}` : `$${key}`;
    for (let i = 0; i < text.length; i++) {
      const k = i & 3;
      words[k] = mix32(words[k] ^ (text.charCodeAt(i) + Math.imul(i + 1, 0x85ebca6b)));
      words[(k + 1) & 3] ^= words[k];
    }
    return Rng.mixed(words);
  }

  private static mixed(words: RngState): Rng {
    const rng = new Rng([mix32(words[0]), mix32(words[1] ^ 0x7f4a7c15), mix32(words[2] ^ 0x94d049bb), words[3] | 1]);
    for (let i = 0; i < 12; i++) rng.nextUint32();
    return rng;
  }

  nextUint32(): number {
    const t = (this.a + this.b + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + t;
    this.c |= 0;
    return t >>> 0;
  }

  /** Uniform in the open interval (0, 1), 32 bits. */
  uniform(): number {
    return (this.nextUint32() + 0.5) / 4294967296;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** Uniform integer in [0, count). */
  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  /** One draw from N(0, 1). */
  normal(): number {
    return inverseNormal(this.uniform());
  }

  normals(count: number): Float32Array {
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++) out[i] = this.normal();
    return out;
  }

  /** Fisher-Yates, in place. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}

/** Finaliser of MurmurHash3 (A. Appleby): every input bit reaches every output bit. */
function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * Quantile of the standard normal distribution, relative error about 1.15e-9 (P. J. Acklam's rational approximation).
 * One uniform gives one normal. Arithmetic and square root are exact in every engine; the logarithm, needed in the tails alone, is
 * fdlibm's in V8 (Node, Chromium) and SpiderMonkey, and may differ in its last bit elsewhere.
 */
function inverseNormal(p: number): number {
  const low = 0.02425;
  if (p < low) return tail(Math.sqrt(-2 * Math.log(p)));
  if (p > 1 - low) return -tail(Math.sqrt(-2 * Math.log(1 - p)));
  const q = p - 0.5;
  const r = q * q;
  const above =
    (((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r -
      30.66479806614716) *
      r +
      2.506628277459239) *
    q;
  const below =
    ((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r -
      13.28068155288572) *
      r +
    1;
  return above / below;
}

function tail(q: number): number {
  const above =
    ((((-0.007784894002430293 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) * q +
      4.374664141464968) *
      q +
    2.938163982698783;
  const below =
    (((0.007784695709041462 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1;
  return above / below;
}
