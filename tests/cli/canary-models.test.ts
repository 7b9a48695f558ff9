/** P6 where models are made, measured and talked to: nothing that a file says beside its pixels is in a run, a report, a reply, or what is printed. */
import { writeFileSync } from "node:fs";
import { join, parse } from "node:path";
import { expect, test } from "vitest";
import { ImageWork } from "../../src/project/index.ts";
import { loadAnnotatedImages, writeModelFolder } from "../../src/train/index.ts";
import { finished, root, startNode, tendril } from "../built.ts";
import { canaries, contentOf } from "../image/canaries.ts";
import { found } from "../image/loaded.ts";
import { PLAIN, randomModel } from "../model/general-models.ts";
import { folder } from "../project/made.ts";
import { ALL_IMAGES, put, TINY_GENERAL, writeData } from "../train/made-data.ts";
import { runHere } from "./in-process.ts";

const { files: FILES, plant, texts: all } = canaries("M");
const FOLDER = plant();
const LOOSE = plant();
// A report is full of numbers, and some number has the four pairs of digits that a text of four characters is in hex.
const texts = all().filter(({ length }) => length > 6);

/** Good images; every kind of file, whole and cut, under the name of a PNG as an image with its mask; the folder's name is a text as well. */
async function dataFolder(): Promise<string> {
  const data = join(await folder(), FOLDER);
  await writeData(data, "good");
  for (const [name, bytes] of Object.entries(FILES))
    for (const [part, content] of [bytes, bytes.subarray(0, bytes.length >> 1)].entries())
      for (const place of ["images", "masks/bright"])
        await put(join(data, "loaded", place, `${parse(name).name}__${part}.png`), content);
  return data;
}

async function madeModel(): Promise<string> {
  const path = join(await folder(), "model");
  const { card, weights } = randomModel(2, PLAIN);
  const { format: _, weightsSha256: __, parameters: ___, ...facts } = card;
  await writeModelFolder(path, weights, { ...facts, config: { ...TINY_GENERAL } });
  return path;
}

const bytesOf = (...said: string[]) => said.map((text) => Buffer.from(text));

test("a run on a user's files keeps and prints none of their texts", async () => {
  const data = await dataFolder();
  const { items, refused } = await loadAnnotatedImages(data, ALL_IMAGES);
  // The loaded PNG is trained on, with itself as its mask.
  expect(items.filter(({ dataset }) => dataset === "loaded").map(({ name }) => name)).toEqual(["b__0"]);
  expect(refused.length).toBeGreaterThan(5);
  expect(found(bytesOf(...refused), texts)).toEqual([]);

  const out = await folder();
  writeFileSync(join(out, "config.json"), JSON.stringify(TINY_GENERAL));
  const args = ["train", join(out, "config.json"), "--data", data, "--threads", "1"];
  const { code, stdout, stderr } = await tendril([...args, "-o", join(out, "run"), "--json"]);
  expect([code, stderr.includes("left out")]).toEqual([0, true]);
  expect(found([...contentOf(out), ...bytesOf(stdout, stderr)], texts)).toEqual([]);
});

test("a model that is adapted to a user's files keeps and prints none of their texts", async () => {
  const [place, model, out] = [await folder(), await madeModel(), await folder()];
  for (const [name, bytes] of Object.entries(FILES)) {
    writeFileSync(join(place, name), bytes);
    const work = await ImageWork.open(join(place, name));
    const stroke = { points: [[0, 0]], width: 1 };
    await work.append(0, [{ kind: "brush", mark: "inside", stroke, delta: [0, 4, 0, 7], at: 1 }]);
    await work.close();
  }
  const args = ["adapt", place, "--from", model, "--steps", "24", "--threads", "1", "-o", join(out, "own"), "--json"];
  const { code, stdout, stderr } = await tendril(args);
  expect([code, JSON.parse(stdout).images], stderr).toEqual([0, Object.keys(FILES).length]);
  expect(found([...contentOf(out), ...bytesOf(stdout, stderr)], texts)).toEqual([]);
});

test("a report on a user's files has none of their texts, nor has the picture of its worst cases", async () => {
  const [data, model, out] = [await dataFolder(), await madeModel(), await folder()];
  const args = [
    "evaluate",
    model,
    "--data",
    data,
    "--datasets",
    "loaded",
    "--limit",
    "0",
    "--threads",
    "1",
    "--worst",
    join(out, "worst.png"),
  ];
  const { status, stdout, stderr } = await runHere(...args, "--json");
  expect([status, JSON.parse(stdout).refused.length > 5]).toEqual([0, true]);
  expect(found([...contentOf(out), ...bytesOf(stdout, stderr)], texts)).toEqual([]);
});

test("a peer is answered without the texts of its images, and of what it says wrongly", async () => {
  const model = await madeModel();
  const child = startNode([join(root, "bin/tendril.mjs"), "speak", "--model", model, "--threads", "1"], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const grid = { width: 4, height: 3 };
  const array = (bytes: Uint8Array) => ({ ...grid, encoding: "png", data: Buffer.from(bytes).toString("base64") });
  const drawn = { kind: "scribble", label: 1, points: [[1, 1]], thickness: 1 };
  const asked = Object.values(FILES).flatMap((bytes) => {
    const image = array(bytes);
    const prompts = [{ ...drawn, pixels: image }];
    return [
      { type: "open", image, name: LOOSE },
      { type: "predict", action: "stroke", prompts, current: { m: image, s: image } },
      { type: "open", image: { ...image, width: 5 } },
      { type: "open", image: { ...image, encoding: LOOSE } },
      { type: LOOSE, [LOOSE]: image },
    ];
  });
  const lines = [{ type: "hello", protocol: 1 }, ...asked].map((one, i) => JSON.stringify({ ...one, id: i + 1 }));
  child.stdin!.end([...lines, LOOSE, `{"type": ${LOOSE}}`, `{"type": "${LOOSE}`, ""].join("\n"));
  const { code, stdout, stderr } = await finished(child);
  const replies = stdout.trim().split("\n");
  expect([code, stderr, replies.length]).toEqual([0, "", lines.length + 3]);
  const kinds = replies.map((reply) => JSON.parse(reply).type);
  for (const kind of ["hello", "opened", "candidates", "error"]) expect(kinds).toContain(kind);
  expect(found(bytesOf(stdout), texts)).toEqual([]);
});

test("what is taken for a configuration, a manifest or a model by mistake is refused without its texts", async () => {
  const [place, model] = [await folder(), await madeModel()];
  const said: string[] = [];
  const refusal = async (...args: string[]) => {
    const { status, stdout, stderr } = await runHere(...args);
    expect([args.join(" "), status > 0, stderr.includes("defect")]).toEqual([args.join(" "), true, false]);
    said.push(stdout, stderr);
  };
  const wrong = { ...FILES, "g.json": Buffer.from(`{"PatientName": ${LOOSE}}`), "h.json": Buffer.from(LOOSE) };
  for (const [name, bytes] of Object.entries(wrong)) {
    const at = join(place, name);
    writeFileSync(at, bytes);
    await refusal("train", at);
    const data = join(place, `data-${name}`);
    await writeData(data);
    writeFileSync(join(data, "manifest.json"), bytes);
    await refusal("evaluate", model, "--data", data, "--split", "train");
    const config = join(place, `config-${name}.json`);
    writeFileSync(config, JSON.stringify(TINY_GENERAL));
    await refusal("train", config, "--data", data, "-o", join(place, "never"));
    for (const part of ["model.json", "weights.safetensors"]) {
      const broken = join(place, `${part}-${name}`);
      for (const [file, content] of [
        ["model.json", JSON.stringify(randomModel(2, PLAIN).card)],
        ["weights.safetensors", bytes],
      ] as const)
        await put(join(broken, file), file === part ? bytes : content);
      await refusal("evaluate", broken);
      await refusal("speak", "--model", broken);
      await refusal("shrink", broken, "-o", join(place, "never"));
    }
  }
  expect(said.join("\n")).toMatch(/not JSON/);
  expect(found(bytesOf(...said), texts)).toEqual([]);
});
