import { expect, test } from "vitest";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { evaluateModule } from "../browser.ts";
import type { InPage } from "./in-page.ts";
import { paperLosses } from "./paper-steps.ts";

const STEPS = { count: 4, steps: 5 };
/** Sums are taken in another order; float32 keeps 1e-7 and five steps let differences grow a little. */
const RELATIVE = 1e-5;

test("the paper's model trains to the same losses in Node and in Chromium, with one thread and with two", async () => {
  const expected = await paperLosses(nodeRuntime(), STEPS);
  expect(expected.at(-1)).toBeLessThan(expected[0]);
  for (const threads of [1, 2]) expectClose(await inChromium({ ...STEPS, device: "cpu", threads }), expected);
});

test("the paper's model trains to the same losses on WebGPU", async (context) => {
  const steps = { count: 1, steps: 2 };
  const flags = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
  const losses = await inChromium({ ...steps, device: "webgpu", threads: 1 }, flags);
  // The software adapter takes most of its time to compile some 500 shaders.
  if (losses === null) return context.skip("this Chromium offers no WebGPU adapter");
  expectClose(losses, await paperLosses(nodeRuntime(), steps));
}, 180_000);

function inChromium(args: InPage, flags?: readonly string[]) {
  return evaluateModule<number[] | null>(new URL("in-page.ts", import.meta.url), args, flags);
}

function expectClose(losses: readonly number[] | null, expected: readonly number[]): void {
  expect(losses).toHaveLength(expected.length);
  for (const [step, loss] of expected.entries())
    expect(Math.abs(losses![step] / loss - 1), `step ${step}: ${losses![step]} against ${loss}`).toBeLessThan(RELATIVE);
}
