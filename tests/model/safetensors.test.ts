import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import {
  type NamedTensor,
  namedTensors,
  parseModel,
  readSafetensors,
  WeightsError,
  writeSafetensors,
} from "../../src/model/index.ts";
import { initialModel } from "./models.ts";

const tensors = fc
  .dictionary(
    fc.string({ minLength: 1, maxLength: 12 }).filter((name) => !["__metadata__", "__proto__"].includes(name)),
    fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }).chain((shape) => {
      const length = shape.reduce((product, dim) => product * dim, 1);
      return fc.float32Array({ minLength: length, maxLength: length }).map((data): NamedTensor => ({ shape, data }));
    }),
    { maxKeys: 6 },
  )
  .map((named) => new Map(Object.entries(named)));

test("tensors that are written are read back bit for bit", () => {
  fc.assert(
    fc.property(tensors, (named) => {
      expect(readSafetensors(writeSafetensors(named), "w.safetensors")).toEqual(named);
    }),
  );
});

test("tensors in 8 bits come back within half a step of their row's scale, vectors as they were, in about a quarter of the size", () => {
  const sound = tensors.map(
    (named) =>
      new Map(
        [...named].map(([name, { shape, data }]) => [
          name,
          { shape, data: data.map((value) => Math.fround(value % 100) || 0) },
        ]),
      ),
  );
  fc.assert(
    fc.property(sound, (named) => {
      const read = readSafetensors(writeSafetensors(named, 8), "w.safetensors");
      expect([...read.keys()].sort()).toEqual([...named.keys()].sort());
      for (const [name, { shape, data }] of named) {
        const back = read.get(name)!;
        expect(back.shape).toEqual(shape);
        if (shape.length < 2) expect(back.data).toEqual(data);
        const each = data.length / (shape[0] ?? 1);
        for (const [i, value] of data.entries()) {
          const row = data.subarray(Math.floor(i / each) * each, (Math.floor(i / each) + 1) * each);
          const scale = Math.max(...row.map(Math.abs)) / 127;
          expect(Math.abs(back.data[i] - value)).toBeLessThanOrEqual(0.501 * scale + 1e-40);
        }
      }
    }),
  );
  const large = new Map([["w", { shape: [64, 500], data: Rng.seeded(1).normals(32_000) }]]);
  expect(writeSafetensors(large, 8).length / writeSafetensors(large).length).toBeLessThan(0.26);
});

test("an 8-bit tensor without scales, or with too few, is refused", () => {
  const w = { dtype: "I8", shape: [2, 3], data_offsets: [0, 6] };
  const scale = { dtype: "F32", shape: [1], data_offsets: [6, 10] };
  for (const entries of [{ w }, { w, "w.scale": scale }, { w: { ...w, shape: [6] }, "w.scale": scale }])
    expect(
      () => readSafetensors(forged(entries, "w.scale" in entries ? 10 : 6), "w.safetensors"),
      JSON.stringify(entries),
    ).toThrow("w is kept in 8 bits, but w.scale does not fit it.");
});

const small = new Map<string, NamedTensor>([
  ["a", { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
  ["b", { shape: [], data: Float32Array.of(7) }],
]);
const a = { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] };
const b = { dtype: "F32", shape: [], data_offsets: [24, 28] };

test("a file cut at any byte, and one with bytes added, is refused", () => {
  const bytes = writeSafetensors(small);
  for (let length = 0; length < bytes.length; length++)
    expect(() => readSafetensors(bytes.subarray(0, length), "w.safetensors"), `${length} bytes`).toThrow(WeightsError);
  expect(() => readSafetensors(Uint8Array.of(...bytes, 0), "w.safetensors")).toThrow("1 bytes after its last tensor");
});

test("a forged header is what the writer makes when nothing is forged", () => {
  expect(readSafetensors(forged({ a, b }), "w.safetensors")).toEqual(small);
  expect(readSafetensors(forged({ a, b, __metadata__: { made: "by hand" } }), "w.safetensors")).toEqual(small);
});

const damage: Record<string, unknown> = {
  "values that overlap": { a, b: { ...b, data_offsets: [20, 24] } },
  "a gap between values": { a: { ...a, shape: [5], data_offsets: [0, 20] }, b },
  "values that end past the file": { a, b: { ...b, shape: [2], data_offsets: [24, 32] } },
  "values that begin past the file": { a, b: { ...b, data_offsets: [4000, 4004] } },
  "an end before the beginning": { a, b: { ...b, data_offsets: [28, 24] } },
  "a negative beginning": { a: { ...a, data_offsets: [-4, 20] }, b },
  "an offset that is not whole": { a, b: { ...b, data_offsets: [24.5, 28.5] } },
  "an offset that is text": { a, b: { ...b, data_offsets: ["24", "28"] } },
  "three offsets": { a, b: { ...b, data_offsets: [24, 26, 28] } },
  "another number type": { a: { ...a, dtype: "F16" }, b },
  "a shape of another size": { a: { ...a, shape: [3, 3] }, b },
  "a negative dimension": { a: { ...a, shape: [-2, -3] }, b },
  "a size beyond all numbers": { a: { ...a, shape: [2 ** 52, 2 ** 52, 2 ** 52] }, b },
  "more dimensions than anything has": { a: { ...a, shape: [2, 3, 1, 1, 1, 1, 1, 1, 1] }, b },
  "a missing shape": { a: { dtype: "F32", data_offsets: [0, 24] }, b },
  "an unknown key": { a: { ...a, compressed: true }, b },
  "a tensor that is text": { a, b: "7" },
  "a tensor of texts": { a, b: { dtype: "F32", shape: "[]", data_offsets: "24" } },
  "a list": [a, b],
  nothing: null,
};

test.each(Object.entries(damage))("a header with %s is refused", (_, header) => {
  expect(() => readSafetensors(forged(header), "w.safetensors")).toThrow(WeightsError);
});

test("a header that is not JSON or not UTF-8, or longer than it can be, is refused", () => {
  const broken = writeSafetensors(small);
  broken[8] = 0xff;
  expect(() => readSafetensors(broken, "w.safetensors")).toThrow(WeightsError);
  const huge = writeSafetensors(small);
  huge.fill(0xff, 0, 8);
  expect(() => readSafetensors(huge, "w.safetensors")).toThrow("not a safetensors file");
});

test("any change of any header byte is refused or still gives tensors that fit the bytes", () => {
  const bytes = writeSafetensors(small);
  const values = 28;
  fc.assert(
    fc.property(fc.nat(bytes.length - values - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
      const changed = bytes.slice();
      changed[at] = value;
      try {
        const sizes = [...readSafetensors(changed, "w.safetensors").values()].map(({ data }) => data.byteLength);
        expect(sizes.reduce((total, size) => total + size, 0)).toBe(values);
      } catch (error) {
        expect(error).toBeInstanceOf(WeightsError);
      }
    }),
    { numRuns: 1000 },
  );
});

const { card, weights } = initialModel(1);
const cardText = JSON.stringify(card);
const named = () => namedTensors(card, weights);

test("a model that is written is read back bit for bit", () => {
  const model = parseModel(cardText, writeSafetensors(named()), "paper");
  expect(model.card).toEqual(card);
  expect(model.weights).toEqual(weights);
});

const first = "decoder.conv1.bias";
const wrongModels: Record<string, (tensors: Map<string, NamedTensor>) => unknown> = {
  "a value that is not a number": (tensors) => tensors.get(first)!.data.set([Number.NaN]),
  "an infinite value": (tensors) => tensors.get(first)!.data.set([Number.NEGATIVE_INFINITY], 63),
  "a missing tensor": (tensors) => tensors.delete(first),
  "a tensor too many": (tensors) => tensors.set("extra", { shape: [1], data: Float32Array.of(1) }),
  "a tensor of another name": (tensors) => tensors.set("renamed", tensors.get(first)!) && tensors.delete(first),
  "a tensor of another shape": (tensors) => tensors.set(first, { shape: [8, 8], data: tensors.get(first)!.data }),
};

test.each(Object.entries(wrongModels))("a model with %s is refused", (_, spoil) => {
  const tensors = new Map([...named()].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
  spoil(tensors);
  expect(() => parseModel(cardText, writeSafetensors(tensors), "paper")).toThrow(WeightsError);
});

const wrongCards: Record<string, string> = {
  "is empty": "",
  "is cut short": cardText.slice(0, -1),
  "is of another format": JSON.stringify({ ...card, format: 2 }),
  "is of another kind": JSON.stringify({ ...card, kind: "unet" }),
  "has a hash that is none": JSON.stringify({ ...card, weightsSha256: "abc" }),
  "has an unknown key": JSON.stringify({ ...card, licence: "?" }),
  "is a number": "1",
};

test.each(Object.entries(wrongCards))("a model whose card %s is refused", (_, text) => {
  expect(() => parseModel(text, writeSafetensors(named()), "paper")).toThrow(WeightsError);
});

/** The values of `small` under a header of one's own. */
/** @param length  bytes of values */
function forged(header: unknown, length = 28): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(writeSafetensors(small).subarray(-length), 8 + text.length);
  return bytes;
}
