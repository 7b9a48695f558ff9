// Trains the general model as `tendril train` does, with the same samples and the same training graph, but lets `execute.py` run the graph
// on a CUDA device. The state stays there, and batches travel through files in memory.
//
//   node run.mjs pack PACK --data DIR               decoded images, masks, features and regions in few small files, to carry
//   node run.mjs train CONFIG.json OUT --pack PACK --workers 16 --seconds 540 --rate 900 [--steps N]
//
// `train` does as many steps as fit into `seconds` at `rate` samples a second (or N), and stops at the end of its time whatever was done.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Rng } from "../../dist/src/core/index.js";
import { joinFlat, splitFlat, stateOf } from "../../dist/src/engine/index.js";
import { generalWork } from "../../dist/src/train/general-work.js";
import { readModelFolder, writeModelFolder } from "../../dist/src/train/model-folder.js";
import { parseConfig } from "../../dist/src/train/config.js";
import { PLANES } from "../../dist/src/model/index.js";
import { CYCLE, STREAMS } from "../../dist/src/train/sample-stream.js";

/** Features travel with 16 levels, half a deviation apart (they are kept with 32 levels a deviation). */
const LEVEL = 16;
/** Steps of a line of metrics: a multiple of the cycle, so that early and late rounds weigh alike in each. */
const LOG_EVERY = 120;
/** Bytes that one thread writes at a time. */
const CHUNK = 2 ** 24;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: "string" },
    pack: { type: "string" },
    from: { type: "string", default: "models/general" },
    workers: { type: "string", default: "1" },
    seconds: { type: "string", default: "60" },
    rate: { type: "string", default: "100" },
    steps: { type: "string" },
    python: { type: "string", default: "python3" },
    scratch: { type: "string", default: "/dev/shm/tendril" },
    execute: { type: "string", default: join(dirname(fileURLToPath(import.meta.url)), "execute.py") },
  },
});
const [verb, ...rest] = positionals;
if (verb === "pack") await pack(rest[0]);
else await train(rest[0], rest[1]);

async function pack(folder) {
  const { loadAnnotatedImages } = await import("../../dist/src/train/annotated-images.js");
  const { loadFeatures } = await import("../../dist/src/train/feature-cache.js");
  const { loadRegions } = await import("../../dist/src/train/region-cache.js");
  const { nodeRuntime } = await import("../../dist/src/engine/runtime-node.js");
  const config = parseConfig(readFileSync(join(import.meta.dirname, "config.json"), "utf8"), "config.json");
  const runtime = nodeRuntime({ threads: 1 });
  const from = await readModelFolder(values.from);
  const images = await loadAnnotatedImages(values.data, config.data);
  const { features, projection } = await loadFeatures(images, config.model.features, { runtime, from: from.weights });
  const regions = await loadRegions(images, { runtime });
  mkdirSync(folder, { recursive: true });
  const facts = {
    items: images.items,
    length: images.pixels.length,
    features: { channels: features.channels, places: [...features.places] },
    regions: [...regions.places],
    projection: [...projection].map(([name, { shape, data }]) => [name, { shape, data: [...data] }]),
  };
  writeFileSync(join(folder, "facts.json"), JSON.stringify(facts));
  writeFileSync(join(folder, "pixels.bin"), images.pixels);
  writeFileSync(join(folder, "regions.bin"), regions.bits);
  const level = (value) => Math.max(0, Math.min(15, Math.round(value / LEVEL) + 8));
  const packed = new Uint8Array(features.data.length / 2);
  for (let i = 0; i < packed.length; i++) packed[i] = level(features.data[2 * i]) | (level(features.data[2 * i + 1]) << 4);
  writeFileSync(join(folder, "features.bin"), packed);
}

/** Where there are no features.bin, the run trains without features. */
function unpack(folder) {
  const facts = JSON.parse(readFileSync(join(folder, "facts.json"), "utf8"));
  const shared = (name) => {
    const bytes = readFileSync(join(folder, name));
    const out = new Uint8Array(new SharedArrayBuffer(bytes.length));
    out.set(bytes);
    return out;
  };
  let features = { channels: facts.features.channels, data: new Int8Array(new SharedArrayBuffer(0)), places: new Map() };
  try {
    const packed = readFileSync(join(folder, "features.bin"));
    const data = new Int8Array(new SharedArrayBuffer(2 * packed.length));
    for (let i = 0; i < packed.length; i++) {
      data[2 * i] = Math.min(127, ((packed[i] & 15) - 8) * LEVEL);
      data[2 * i + 1] = Math.min(127, ((packed[i] >> 4) - 8) * LEVEL);
    }
    features = { ...features, data, places: new Map(facts.features.places) };
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    console.log("no features");
  }
  return {
    images: { folder: "", items: facts.items, pixels: shared("pixels.bin"), refused: [] },
    features,
    regions: { bits: shared("regions.bin"), places: new Map(facts.regions) },
    projection: new Map(facts.projection.map(([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }])),
  };
}

async function train(configPath, out) {
  const given = JSON.parse(readFileSync(configPath, "utf8"));
  const from = await readModelFolder(values.from);
  const until = performance.now() + 1000 * Number(values.seconds);
  const fit = Math.floor((Number(values.rate) * Number(values.seconds)) / given.batch / CYCLE) * CYCLE;
  const steps = values.steps ? Number(values.steps) : fit;
  const text = JSON.stringify({
    ...given,
    steps,
    checkpointEvery: steps,
    from: { model: from.card.name, weightsSha256: from.card.weightsSha256 },
  });
  const config = parseConfig(text, configPath);
  const data = unpack(values.pack);
  const rng = Rng.seeded(config.seed);
  const work = generalWork(config, rng, data, Number(values.workers));
  const { model } = work;
  const scratch = values.scratch;
  for (const folder of [scratch, out]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(out, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  const path = (name) => join(scratch, name);
  writeFileSync(path("graph.onnx"), model.onnx);
  const { state, terms, tensors } = model;
  writeFileSync(path("graph.json"), JSON.stringify({ state, terms, tensors, slots: STREAMS }));
  const first = stateOf(model, joinFlat(model.parameters, from.weights));
  writeFileSync(path("state.bin"), Buffer.concat(state.map((name) => bytesOf(first[name]))));
  const answerLength = 2 * config.batch * config.model.size ** 2;
  const inputs = [];
  const outputs = [];
  for (let slot = 0; slot < STREAMS; slot++) {
    inputs.push(await open(path(`in-${slot}`), "w+"));
    outputs.push(await open(path(`out-${slot}`), "w+"));
    await inputs[slot].truncate(4 * batchLength(config));
    await outputs[slot].truncate(4 * answerLength);
  }
  const child = spawn(values.python, [values.execute, path("graph.onnx"), path("graph.json"), path("state.bin"), scratch], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ready = JSON.parse((await lines.next()).value);
  console.log(`${ready.ready}, PyTorch ${ready.torch}; ${steps} steps of ${config.batch}; ${Math.round((until - performance.now()) / 1000)} s left`);

  let answered = 0;
  let busy = 0;
  const sums = new Map();
  const started = performance.now();
  const saves = [];
  const answers = (async () => {
    for await (const line of { [Symbol.asyncIterator]: () => lines }) {
      const said = JSON.parse(line);
      if ("save" in said) {
        saves.shift()?.();
        continue;
      }
      if (!said.sound) throw new Error(`step ${said.step} is not finite: ${line}`);
      const both = new Float32Array(answerLength);
      await outputs[said.slot].read(new Uint8Array(both.buffer), 0, 4 * answerLength, 0);
      const half = answerLength / 2;
      work.answered(said.step, {
        shown: { data: both.subarray(0, half), shape: [] },
        picked: { data: both.subarray(half), shape: [] },
      });
      answered++;
      busy += said.ms;
      for (const [name, value] of Object.entries(said.terms)) sums.set(name, (sums.get(name) ?? 0) + value);
      if (answered % LOG_EVERY === 0) {
        const means = Object.fromEntries([...sums].map(([name, value]) => [name, Number((value / LOG_EVERY).toPrecision(6))]));
        const seconds = (performance.now() - started) / 1000;
        appendFileSync(join(out, "metrics.jsonl"), `${JSON.stringify({ step: answered, ...means })}\n`);
        if (answered % (2 * LOG_EVERY) === 0)
          console.log(answered, means.loss, `${((answered * config.batch) / seconds).toFixed(0)} samples/s`, `${(busy / answered).toFixed(0)} ms a step on the device`);
        sums.clear();
      }
    }
  })();
  const save = async (name) => {
    const done = new Promise((resolve) => saves.push(resolve));
    child.stdin.write(`${JSON.stringify({ save: path(name) })}\n`);
    await Promise.race([done, answers]);
  };
  let step = 0;
  for (; step < steps && performance.now() < until; step++) {
    const batch = await Promise.race([work.batch(step), answers]);
    // A stream's next batch is made only when this one has been answered, so nothing is written over before it is read.
    const slot = step % STREAMS;
    let at = 0;
    const writes = [];
    // In the order in which the graph names its inputs.
    for (const name of ["planes", "features", "ym", "ys", "noise", "draws"]) {
      const bytes = bytesOf(batch.tensors[name].data);
      for (let from = 0; from < bytes.length; from += CHUNK)
        writes.push(inputs[slot].write(bytes, from, Math.min(CHUNK, bytes.length - from), at + from));
      at += bytes.length;
    }
    await Promise.all(writes);
    child.stdin.write(`${JSON.stringify({ slot, step })}\n`);
    if (step + 1 < steps && (step + 1) % Math.max(1, Math.floor(steps / 4)) === 0) await publish(`model-${step + 1}`, step + 1);
  }
  await publish("model", step);
  const seconds = (performance.now() - started) / 1000;
  console.log(`${step} of ${steps} steps in ${seconds.toFixed(0)} s: ${((step * config.batch) / seconds).toFixed(0)} samples/s`);
  child.stdin.end();
  await once(child, "exit");
  await work.close();
  for (const file of [...inputs, ...outputs]) await file.close();

  async function publish(name, done) {
    await save("saved.bin");
    const bytes = readFileSync(path("saved.bin"));
    const vectors = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    let at = 0;
    const all = {};
    for (const key of state) {
      all[key] = vectors.slice(at, at + first[key].length);
      at += first[key].length;
    }
    const weights = work.published(splitFlat(model.parameters, all.average ?? all.parameters));
    await writeModelFolder(join(out, name), weights, {
      name: config.name,
      kind: config.kind,
      seed: config.seed,
      steps: done,
      dataSha256: work.dataSha256,
      config,
      runtime: `PyTorch ${ready.torch}, ${ready.ready}`,
    });
  }
}

function batchLength({ batch, loss, model: { size, features, latent } }) {
  const area = size ** 2;
  return batch * (PLANES.length * area + (features * area) / 4 + 2 * area + latent + loss.draws * latent);
}

function bytesOf(values) {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
