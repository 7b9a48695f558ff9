#!/usr/bin/env node
/** The `tendril` command. In a checkout it first builds what has changed; an installed package carries its build. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt } from "../scripts/build.mjs";
import { root } from "../scripts/setup.mjs";

if (existsSync(join(root, "src"))) ensureBuilt("commands");
const { main } = await import("../dist/src/cli/main.js");
await main(process.argv);
