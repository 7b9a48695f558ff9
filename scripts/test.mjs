/** `npm test`: installation, type check, lint, and all tests. */
import { ensureBuilt } from "./build.mjs";
import { ensureInstalled, run } from "./setup.mjs";

ensureInstalled();
run("npx", ["tsc", "--noEmit"]);
run("npx", ["biome", "check", "."]);
// Tests that run the commands build by themselves; built beforehand, none of them spends its time on it.
ensureBuilt("commands");
run("npx", ["vitest", "run", ...process.argv.slice(2)]);
