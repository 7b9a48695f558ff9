/**
 * `npm start [-- PATHS]`: installs and builds what is missing, then `tendril annotate` with the same arguments.
 *
 * Plain Node, no dependency, until everything is installed.
 */
import { ensureBuilt } from "./build.mjs";

ensureBuilt("commands");
ensureBuilt("page");
// npm runs scripts in the package's folder; paths are meant from where the person is.
if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
const { main } = await import("../dist/src/cli/main.js");
await main([process.argv[0], process.argv[1], "annotate", ...process.argv.slice(2)]);
