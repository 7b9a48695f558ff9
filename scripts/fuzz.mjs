/**
 * `npm run fuzz [-- ROUNDS [FILTERS]]`: the property tests again and again (10 rounds), each round with a random seed of its own.
 * `npm run fuzz -- --inputs N [FILTERS]`: the parsers once with N mutated files each, also from a random seed.
 *
 * Rounds, because a test that says how many examples it draws keeps that number whatever is configured for all.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt } from "./build.mjs";
import { root } from "./setup.mjs";

const given = process.argv.slice(2);
const byInputs = given[0] === "--inputs";
const [number = byInputs ? "nothing" : "10", ...filters] = byInputs ? given.slice(1) : given;
if (!/^[1-9]\d*$/.test(number)) {
  console.error(`npm run fuzz -- ${byInputs ? "--inputs N" : "ROUNDS"}: ${number} is no such number.`);
  process.exit(2);
}
const rounds = byInputs ? 1 : Number(number);
const mark = byInputs ? 'from "../fuzzing.ts"' : 'from "fast-check"';
ensureBuilt("commands");
const files = readdirSync(join(root, "tests"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts") && filters.every((filter) => path.includes(filter)))
  .map((path) => join("tests", path))
  .filter((path) => readFileSync(join(root, path), "utf8").includes(mark));
for (let round = 1; round <= rounds; round++) {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.error(`Round ${round} of ${rounds}: TENDRIL_SEED=${seed}`);
  const only = byInputs ? ["-t", "mutations"] : [];
  const { status } = spawnSync("npx", ["vitest", "run", "--reporter=dot", ...only, ...files], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
    env: { ...process.env, TENDRIL_SEED: `${seed}`, ...(byInputs ? { TENDRIL_INPUTS: number } : {}) },
  });
  if (status === 0) continue;
  const inputs = byInputs ? `TENDRIL_INPUTS=${number} ` : "";
  console.error(`Round ${round} failed. The same examples again: ${inputs}TENDRIL_SEED=${seed} npx vitest run FILE`);
  process.exit(1);
}
