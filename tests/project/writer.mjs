/**
 * Appends one action after another to the journal named on the command line until it is killed, and says "saved N" after each.
 * Each action turns the pixel whose number is the action's into the state after its own.
 */
import { writeSync } from "node:fs";
import { Journal } from "../../dist/src/project/index.js";

const [path, header] = process.argv.slice(2);
const journal = await Journal.open(path, JSON.parse(header));
const limit = Number(process.env.ACTIONS ?? Number.POSITIVE_INFINITY);
while (journal.actions.length < limit) {
  const at = journal.actions.length;
  const stroke = { points: [[at, 0]], width: 1 };
  const action = { kind: "brush", mark: "inside", stroke, delta: [at, 1, 0, 7], at };
  try {
    const saved = await journal.append(at, [action]);
    writeSync(1, `saved ${saved}\n`);
  } catch (error) {
    writeSync(2, `${error.name} ${error.code}: ${error.message}\n`);
    process.exit(1);
  }
}
await journal.close();
