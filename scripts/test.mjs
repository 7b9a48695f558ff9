/** `npm test`: installation, type check, lint, and all tests. */
import { ensureInstalled, run } from "./setup.mjs";

ensureInstalled();
run("npx", ["tsc", "--noEmit"]);
run("npx", ["biome", "check", "."]);
run("npx", ["vitest", "run", ...process.argv.slice(2)]);
