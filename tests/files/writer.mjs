/**
 * Writes for ever, to be killed at any moment: `node writer.mjs file|folder PLACE FIRST`.
 *
 * Write i is one that a reader can recognise as whole (see `content`); its number goes to standard output once it is confirmed.
 */
import { join } from "node:path";
import { atomicWrite, publishFolder } from "../../dist/src/files/index.js";

/** The number of the write on every one of 20,000 lines. */
const content = (i) => `${i}\n`.repeat(20_000);

const [, , kind, place, first] = process.argv;
for (let i = Number(first); ; i++) {
  if (kind === "file") await atomicWrite(place, content(i));
  else await publishFolder(join(place, `step-${i}`), { a: content(i), b: content(i), c: content(i) });
  process.stdout.write(`${i}\n`);
}
