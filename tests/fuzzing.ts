/**
 * How many mutated files a test of a parser draws, and from which seed: few and always the same, or as `npm run fuzz -- --inputs N` says
 * with TENDRIL_INPUTS and TENDRIL_SEED.
 */
import { Rng } from "../src/core/index.ts";

export interface Mutations {
  readonly count: number;
  readonly rng: Rng;
  /** ms, enough for ten times as long as an input takes */
  readonly timeout: number;
}

/** A test that uses them has "mutations" in its name. */
export function mutations(usualCount: number, usualSeed: number): Mutations {
  const { TENDRIL_INPUTS, TENDRIL_SEED } = process.env;
  const count = Number(TENDRIL_INPUTS ?? usualCount);
  // The seed in the environment is also that of the property tests, which are run without TENDRIL_INPUTS.
  const seed = TENDRIL_INPUTS && TENDRIL_SEED ? Number(TENDRIL_SEED) : usualSeed;
  return { count, rng: Rng.seeded(seed), timeout: 60_000 + 10 * count };
}
