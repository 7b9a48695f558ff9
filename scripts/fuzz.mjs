/**
 * `npm run fuzz [-- ROUNDS [FILTERS]]`: the property tests, and those that mutate files, again and again (10 rounds), each round with a random
 * seed of its own.
 *
 * Rounds, because a test that says how many examples it draws keeps that number whatever is configured for all.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt } from "./build.mjs";
import { root } from "./setup.mjs";

const [rounds = "10", ...filters] = process.argv.slice(2);
if (!/^[1-9]\d*$/.test(rounds)) {
  console.error(`npm run fuzz -- ROUNDS: ${rounds} is no number of rounds.`);
  process.exit(2);
}
ensureBuilt("commands");
const files = readdirSync(join(root, "tests"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts") && filters.every((filter) => path.includes(filter)))
  .map((path) => join("tests", path))
  .filter((path) => /from "fast-check"|TENDRIL_SEED/.test(readFileSync(join(root, path), "utf8")));
for (let round = 1; round <= Number(rounds); round++) {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.error(`Round ${round} of ${rounds}: TENDRIL_SEED=${seed}`);
  const { status } = spawnSync("npx", ["vitest", "run", "--reporter=dot", ...files], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
    env: { ...process.env, TENDRIL_SEED: `${seed}` },
  });
  if (status === 0) continue;
  console.error(`Round ${round} failed. The same examples again: TENDRIL_SEED=${seed} npx vitest run FILE`);
  process.exit(1);
}
