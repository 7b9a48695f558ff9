/**
 * `npm run fuzz [-- ROUNDS [FILTERS]]`: the property tests again and again (10 rounds), each round with a random seed of its own.
 * `npm run fuzz -- --inputs N [PARSERS]`: the parsers of files (PNG, NIfTI, DICOM, ...) one after the other with N mutated files each, also from a random seed.
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
if (!/^[1-9]\d*$/.test(number))
  fail(`npm run fuzz -- ${byInputs ? "--inputs N" : "ROUNDS"}: ${number} is no such number.`);
const tests = readdirSync(join(root, "tests"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts"))
  .map((path) => ({ path: join("tests", path), text: readFileSync(join(root, "tests", path), "utf8") }));
const seed = () => Math.floor(Math.random() * 2 ** 31);
if (byInputs) {
  const found = tests.flatMap(({ path, text }) =>
    Array.from(text.matchAll(/^mutations\("([\w-]+)"/gm), ([, name]) => ({ name, path })),
  );
  const names = found.map(({ name }) => name).join(", ");
  const unknown = filters.find((filter) => !found.some(({ name }) => name === filter));
  if (unknown) fail(`npm run fuzz -- --inputs N PARSERS: ${unknown} is none of ${names}.`);
  ensureBuilt("commands");
  const chosen = found.filter(({ name }) => filters.length === 0 || filters.includes(name));
  const common = seed();
  const failed = chosen.filter(({ name, path }) => {
    console.error(`${name}: TENDRIL_INPUTS=${number} TENDRIL_SEED=${common}`);
    return !passes([path, "-t", `mutations.of.${name}.`], { TENDRIL_INPUTS: number, TENDRIL_SEED: `${common}` });
  });
  if (failed.length > 0)
    fail(`Failed: ${failed.map(({ name }) => name).join(", ")}. The messages above say how to repeat it.`, 1);
} else {
  const files = tests.filter(
    ({ path, text }) => text.includes('from "fast-check"') && filters.every((filter) => path.includes(filter)),
  );
  if (files.length === 0) fail(`npm run fuzz: no property tests are in files called ${filters.join(" ")}.`);
  ensureBuilt("commands");
  for (let round = 1; round <= Number(number); round++) {
    const own = seed();
    console.error(`Round ${round} of ${number}: TENDRIL_SEED=${own}`);
    if (
      !passes(
        files.map(({ path }) => path),
        { TENDRIL_SEED: `${own}` },
      )
    )
      fail(`Round ${round} failed. The same examples again: TENDRIL_SEED=${own} npx vitest run FILE`, 1);
  }
}

function passes(args, environment) {
  const { status } = spawnSync("npx", ["vitest", "run", "--reporter=dot", ...args], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
    env: { ...process.env, ...environment },
  });
  return status === 0;
}

function fail(message, code = 2) {
  console.error(message);
  process.exit(code);
}
