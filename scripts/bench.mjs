/** `npm run bench`: builds what has changed, then measures. */
import { ensureBuilt } from "./build.mjs";

ensureBuilt("commands");
if (process.argv[2] === "files") ensureBuilt("page");
const { main } = await import("../dist/bench/main.js");
await main(process.argv);
