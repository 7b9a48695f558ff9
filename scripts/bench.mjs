/** `npm run bench`: builds what has changed, then measures. */
import { ensureBuilt } from "./build.mjs";

ensureBuilt("commands");
const { main } = await import("../dist/bench/main.js");
await main(process.argv);
