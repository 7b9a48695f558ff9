/** Against PyTorch in double precision: tests/fixtures/engine/make.py says how the numbers were made. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { writeCase } from "../../bench/case-files.ts";
import type { Case } from "../../bench/cases.ts";
import { goldenCases } from "../../bench/golden.ts";
import { Rng } from "../../src/core/index.ts";
import { ADAM, compileGradient, compileTraining, initialState, Trainer } from "../../src/engine/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import record from "../fixtures/engine/golden.json" with { type: "json" };

const FIXTURES = new URL("../fixtures/engine/", import.meta.url);

/**
 * Relative L2 error of the whole gradient. Float32 keeps 6e-8 of each number; group normalisation subtracts nearly equal ones
 * and so loses a digit. Ten times what was seen.
 */
const GRADIENT_TOLERANCE = { paper: 1e-6, unet: 1e-5 };
/** Losses below 1 in float32, over five steps; three times what was seen. */
const LOSS_TOLERANCE = 8e-7;
/** Relative L2 error of what five steps changed. Adam divides each gradient by its size, so that tiny ones' errors show. */
const CHANGE_TOLERANCE = { paper: 1e-5, unet: 4e-4 };

for (const name of ["paper", "unet"] as const) {
  const golden = goldenCases()[name];
  describe(golden.name, () => {
    test("the golden data were made from the same weights and batch", async () => {
      expect(await dataSha256(golden)).toBe(record.cases[name].dataSha256);
    });

    test("the gradient of every parameter is PyTorch's", async () => {
      const session = await nodeRuntime().load(compileGradient(name, golden.describeLoss).onnx);
      const parameters = { data: golden.weights, shape: [golden.weights.length] };
      const { gradient } = await session.run({ ...golden.batch, parameters });
      await session.close();
      expect(distance(gradient.data, await readVector(`${name}.gradient.f32`))).toBeLessThan(GRADIENT_TOLERANCE[name]);
    });

    test("five steps of Adam give PyTorch's losses and weights", async () => {
      const model = compileTraining(name, golden.describeLoss, ADAM);
      const state = { ...initialState(model, Rng.seeded(0)), parameters: golden.weights };
      const trainer = await Trainer.start(nodeRuntime(), model, state);
      for (const expected of record.cases[name].losses) {
        const { terms } = await trainer.step(golden.batch);
        expect(Math.abs(terms.loss - expected)).toBeLessThan(LOSS_TOLERANCE);
      }
      const changed = (weights: Float32Array) => weights.map((value, i) => value - golden.weights[i]);
      const expected = changed(await readVector(`${name}.weights.f32`));
      expect(distance(changed(trainer.state.parameters), expected)).toBeLessThan(CHANGE_TOLERANCE[name]);
      await trainer.close();
    });
  });
}

/** |a - b| / |b| */
function distance(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  const squares = (values: Float32Array) => values.reduce((total, value) => total + value * value, 0);
  return Math.sqrt(squares(a.map((value, i) => value - b[i])) / squares(b));
}

async function readVector(name: string): Promise<Float32Array> {
  const bytes = await readFile(new URL(name, FIXTURES));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

async function dataSha256(golden: Case): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tendril-golden-"));
  await writeCase(folder, golden);
  const hash = createHash("sha256");
  for (const name of (await readdir(folder)).filter((name) => name.endsWith(".f32")).sort())
    hash.update(await readFile(join(folder, name)));
  await rm(folder, { recursive: true });
  return hash.digest("hex");
}
