/**
 * Property tests draw the same examples in every run, so that a change, and not chance, decides whether tests pass.
 * TENDRIL_SEED=random draws others, TENDRIL_SEED=NUMBER those of a run that failed (`npm run fuzz` does the former, again and again).
 */
import fc from "fast-check";

const FIXED_SEED = 20261125;

const asked = process.env.TENDRIL_SEED ?? `${FIXED_SEED}`;
if (!/^(random|-?\d+)$/.test(asked))
  throw new Error(`TENDRIL_SEED is "${asked}"; it must be "random" or a whole number.`);
if (asked !== "random") fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(asked) });
