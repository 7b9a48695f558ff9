/** P6: the engine that runs the model reports nothing to anybody, and leaves no identifier of the computer behind. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { buildCommands, finished, root, startNode } from "../built.ts";

beforeAll(buildCommands);

/** Nobody listens there: what the engine would send from a test goes nowhere. */
const UNREACHABLE = {
  https_proxy: "http://127.0.0.1:9",
  http_proxy: "http://127.0.0.1:9",
  all_proxy: "http://127.0.0.1:9",
};

/** What a process leaves in its home and its folder for temporary files that loads a model with this in place of the engine's runtime. */
async function leftBy(runtime: string): Promise<string[]> {
  const place = mkdtempSync(join(tmpdir(), "tendril-quiet-"));
  onTestFinished(() => rmSync(place, { recursive: true }));
  const model = pathToFileURL(join(root, "models/general/candidates.onnx"));
  const script = `
    import { readFileSync } from "node:fs";
    ${runtime}
    await load(new Uint8Array(readFileSync(new URL(${JSON.stringify(model)}))));
  `;
  // The engine is quiet by itself where it takes a process for a test.
  const { CI: _, ORT_DISABLE_TELEMETRY: __, ORT_RUNNING_UNIT_TESTS: ___, ...env } = process.env;
  const child = startNode(["--input-type=module", "--eval", script], {
    env: { ...env, ...UNREACHABLE, HOME: place, TMPDIR: place, XDG_CACHE_HOME: place },
    cwd: root,
  });
  const { code, stderr } = await finished(child);
  expect(code, stderr).toBe(0);
  return readdirSync(place);
}

test("a process that loads a model leaves nothing behind", async () => {
  const ours = pathToFileURL(join(root, "dist/src/engine/runtime-node.js"));
  expect(await leftBy(`const { load } = (await import(${JSON.stringify(ours)})).nodeRuntime();`)).toEqual([]);
});

test("without that the engine leaves an identifier, so that this test would see it", async () => {
  expect(
    await leftBy(`
      import * as ort from "onnxruntime-node";
      const load = (bytes) => ort.InferenceSession.create(bytes);
    `),
  ).toContain(".ses");
});
