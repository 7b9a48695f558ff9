import { expect, test } from "vitest";
import { Rng, ShapeError } from "../../src/core/index.ts";
import {
  ADAM,
  add,
  avgPool2,
  compileInference,
  compileTraining,
  concat,
  conv2d,
  convTranspose2d,
  EngineError,
  expand,
  Graph,
  groupNorm,
  initialState,
  matmul,
  maxPool2,
  relu,
  reshape,
  type Shape,
  slice,
  sum,
  Trainer,
  type Var,
} from "../../src/engine/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";

const REFUSALS: readonly [string, readonly Shape[], (...args: Var[]) => Var, readonly string[]][] = [
  ["add", [[2, 3], [4]], add, ["[2,3]", "[4]"]],
  [
    "matmul of unequal inner axes",
    [
      [2, 3],
      [4, 5],
    ],
    matmul,
    ["[2,3]", "[4,5]"],
  ],
  [
    "matmul of unequal batches",
    [
      [2, 3, 4],
      [5, 4, 3],
    ],
    matmul,
    ["[2]", "[5]"],
  ],
  ["reshape", [[2, 3]], (x) => reshape(x, [7]), ["[2,3]", "[7]"]],
  ["expand", [[2, 3]], (x) => expand(x, [4, 3]), ["[2,3]", "[4,3]"]],
  [
    "concat",
    [
      [2, 3],
      [3, 3],
    ],
    (a, b) => concat([a, b], 1),
    ["[2,3]", "[3,3]"],
  ],
  ["slice", [[2, 3]], (x) => slice(x, 1, 1, 5), ["[2,3]", "1 to 5"]],
  ["conv2d", [[1, 2, 4, 4], [3, 5, 3, 3], [3]], (x, w, b) => conv2d(x, w, b), ["[1,2,4,4]", "[3,5,3,3]"]],
  ["conv2d's bias", [[1, 2, 4, 4], [3, 2, 3, 3], [4]], (x, w, b) => conv2d(x, w, b), ["[4]", "3 channels"]],
  ["convTranspose2d", [[1, 2, 4, 4], [3, 5, 3, 3], [5]], convTranspose2d, ["[1,2,4,4]", "[3,5,3,3]"]],
  ["strided conv2d of an odd size", [[1, 2, 5, 4], [3, 2, 3, 3], [3]], (x, w, b) => conv2d(x, w, b, 2), ["5x4"]],
  ["maxPool2 of an odd size", [[1, 2, 4, 5]], maxPool2, ["4x5"]],
  ["avgPool2 of an odd size", [[1, 2, 4, 5]], avgPool2, ["4x5"]],
  ["groupNorm's gain", [[1, 4, 2, 2], [3], [4]], (x, g, b) => groupNorm(x, g, b, 2), ["[3]", "4 channels"]],
  ["groupNorm's groups", [[1, 4, 2, 2], [4], [4]], (x, g, b) => groupNorm(x, g, b, 3), ["4 channels", "3 groups"]],
];

test.each(REFUSALS)("%s of shapes that do not fit is a ShapeError that names them", (_, shapes, apply, named) => {
  const graph = new Graph({ parameter: () => expect.unreachable() });
  const args = shapes.map((shape, i) => graph.input(`argument${i}`, shape));
  const refusal = caught(() => apply(...args));
  expect(refusal).toBeInstanceOf(ShapeError);
  for (const shape of named) expect((refusal as ShapeError).message).toContain(shape);
});

test("weights of another size are refused when a model is compiled", () => {
  const describe = (graph: Graph) => ({
    y: relu(graph.parameter("layer.weight", [2, 3], { kind: "constant", value: 0 })),
  });
  const compile = (weights: [string, Float32Array][]) => () => compileInference("model", new Map(weights), describe);
  expect(compile([["layer.weight", new Float32Array(5)]])).toThrow(/layer\.weight holds 5 values.*\[2,3\]/);
  expect(compile([])).toThrow(/layer\.weight/);
});

test("an input that is missing or of another shape is refused, and the session still works", async () => {
  const onnx = compileInference("model", new Map(), (graph) => ({ y: relu(graph.input("image", [2, 3])) }));
  const session = await nodeRuntime().load(onnx);
  const image = { data: new Float32Array(6).fill(1), shape: [3, 2] };
  await expect(session.run({ image })).rejects.toThrow(
    new ShapeError("The input image is [3,2], but the model takes [2,3]."),
  );
  await expect(session.run({})).rejects.toThrow(ShapeError);
  expect((await session.run({ image: { ...image, shape: [2, 3] } })).y.data).toEqual(image.data);
  await session.close();
});

test("bytes that are not a model are refused as an EngineError", async () => {
  await expect(nodeRuntime().load(Uint8Array.of(1, 2, 3))).rejects.toThrow(EngineError);
});

test("a training state of another model is refused", async () => {
  const describe = (size: number) => (graph: Graph) => ({
    loss: sum(graph.parameter("weight", [size], { kind: "constant", value: 1 }), [0]),
    terms: {},
  });
  const [two, three] = [2, 3].map((size) => compileTraining("model", describe(size), ADAM));
  await expect(Trainer.start(nodeRuntime(), three, initialState(two, Rng.seeded(1)))).rejects.toThrow(
    /parameters holds 2 values; the model needs 3/,
  );
});

function caught(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}
