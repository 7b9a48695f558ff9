/** Training tasks and simulated annotations: what is marked is true, what is asked for holds what there is, and a seed fixes it all. */
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { boundsOf, distanceTo, Rng } from "../../src/core/index.ts";
import { PLANES } from "../../src/model/index.ts";
import { type AnnotatedImages, loadAnnotatedImages } from "../../src/train/annotated-images.ts";
import { FeatureStore } from "../../src/train/feature-store.ts";
import { regionAt } from "../../src/train/region-cache.ts";
import { SCENES } from "../../src/train/scene-images.ts";
import { Session } from "../../src/train/session.ts";
import { type Task, type TaskOptions, TaskSource } from "../../src/train/task.ts";
import { ALL_IMAGES, TINY_GENERAL, writeData } from "./made-data.ts";
import { placeForRuns } from "./tiny.ts";

const SIZE = 32;
const AREA = SIZE * SIZE;
const ROUNDS = 3;
const SEEDS = 150;
const NO_EXTRAS = { features: null, regions: null };

let place: string;
let images: AnnotatedImages;
let source: TaskSource;

beforeAll(async () => {
  place = await placeForRuns();
  await writeData(place);
  images = await loadAnnotatedImages(place, ALL_IMAGES);
  source = new TaskSource(images, NO_EXTRAS, "train");
});
afterAll(() => rm(place, { recursive: true }));

const options = (changes: Partial<TaskOptions> = {}): TaskOptions => {
  const { leaveOut: _, texturedScenes: __, ...shares } = TINY_GENERAL.data;
  return { size: SIZE, textured: 0, ...shares, ...changes };
};

const drawTask = (seed: number, changes?: Partial<TaskOptions>): Task =>
  source.draw(Rng.seeded(seed), options(changes));
const count = (mask: ArrayLike<number>) => Array.from(mask).reduce((sum, value) => sum + value, 0);

test("a task is an image within 0 and 1 and a truth on it, large enough to be seen and not nearly all", () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { image, onImage, truth, features } = drawTask(seed);
    expect([image.length, onImage.length, truth.length]).toEqual([AREA, AREA, AREA]);
    expect(image.every((value, i) => value >= 0 && value <= 1 && (onImage[i] === 1 || value === 0))).toBe(true);
    expect(truth.every((value, i) => value <= onImage[i])).toBe(true);
    expect(count(truth)).toBeGreaterThanOrEqual(30);
    expect(count(truth)).toBeLessThanOrEqual(0.85 * count(onImage));
    expect(features).toBeNull();
  }
});

test("tasks come from every kind of source, in about the shares that were asked for", () => {
  const names = (changes: Partial<TaskOptions>) =>
    Array.from({ length: 60 }, (_, seed) => drawTask(seed, changes).name);
  const none = { painted: 0, random: 0, scenes: 0, regions: 0 };
  expect(names({ ...none, painted: 1 }).filter((name) => name === "disks/map").length).toBeGreaterThan(50);
  expect(new Set(names({ ...none, random: 1 }))).toEqual(new Set(["random map"]));
  expect(names({ ...none, scenes: 1 }).filter((name) => name === "scene").length).toBeGreaterThan(50);
  for (const name of [...names(none), ...names({ ...none, regions: 1 })])
    expect(name).toMatch(/^disks\/subject\d__\d$|^random map$/);
  const half = names({ ...none, random: 0.5 }).filter((name) => name === "random map").length;
  expect(half).toBeGreaterThan(15);
  expect(half).toBeLessThan(45);
});

test("textured scenes are tasks in the share that was asked for, and else never", async () => {
  const withScenes = await loadAnnotatedImages(place, { ...ALL_IMAGES, texturedScenes: { images: 6 } });
  const from = new TaskSource(withScenes, NO_EXTRAS, "train");
  const sceneTasks = (changes: Partial<TaskOptions>) =>
    Array.from({ length: 40 }, (_, seed) => from.draw(Rng.seeded(seed), options(changes)).name).filter((name) =>
      name.startsWith(SCENES),
    ).length;
  const none = { painted: 0, random: 0, scenes: 0, regions: 0 };
  expect(sceneTasks({ ...none, textured: 1 })).toBeGreaterThan(30);
  expect(sceneTasks({ ...none, textured: 0.5 })).toBeGreaterThan(8);
  expect(sceneTasks({ ...none, textured: 0 })).toBe(0);
  // Without any, structures are wanted instead.
  expect(drawTask(1, { ...none, textured: 1 }).name).toMatch(/^disks\/subject|^random map$/);
});

test("what the segmenter found is a task where it is asked for, with a truth that lies in it", () => {
  const [first] = images.items.filter(({ kind, split }) => kind === "image" && split === "train");
  const region = new Uint8Array(first.width * first.height);
  for (let y = 4; y < 20; y++) region.fill(1, y * first.width + 6, y * first.width + 22);
  const bits = new Uint8Array(new SharedArrayBuffer(Math.ceil(region.length / 8)));
  for (let i = 0; i < region.length; i++) if (region[i]) bits[i >> 3] |= 1 << (i & 7);
  const regions = { bits, places: new Map([[`${first.dataset}/${first.name}`, [0]]]) };
  expect(regionAt(regions, 0, first)).toEqual(region);
  const from = new TaskSource(images, { ...NO_EXTRAS, regions }, "train");
  const only = options({ painted: 0, random: 0, scenes: 0, regions: 0, found: 1 });
  const tasks = Array.from({ length: 40 }, (_, seed) => from.draw(Rng.seeded(seed), only));
  const found = tasks.filter(({ name }) => name !== "random map");
  expect(found.length).toBeGreaterThan(10);
  expect(new Set(found.map(({ name }) => name))).toEqual(new Set([`${first.dataset}/${first.name}`]));
});

test("no task of the one split shows an image of the other", () => {
  const nameOf = ({ dataset, name }: { dataset: string; name: string }) => `${dataset}/${name}`;
  const items = images.items.map((item) => ({
    ...item,
    split: item.subject === "subject2" ? ("validation" as const) : ("train" as const),
  }));
  const heldBack = new Set(items.filter(({ split }) => split === "validation").map(nameOf));
  const drawnFrom = (split: "train" | "validation") => {
    const from = new TaskSource({ ...images, items }, NO_EXTRAS, split);
    return Array.from(
      { length: 80 },
      (_, seed) => from.draw(Rng.seeded(seed), options({ painted: 0, random: 0, scenes: 0 })).name,
    );
  };
  expect(drawnFrom("train").some((name) => heldBack.has(name))).toBe(false);
  const others = drawnFrom("validation").filter((name) => name !== "random map");
  expect(others.length).toBeGreaterThan(60);
  expect(others.every((name) => heldBack.has(name))).toBe(true);
});

test("a structure's truth is that structure, one of its parts, or it and another: never what no mask holds", () => {
  // Without changes of appearance: the bright disk is the brightest, the dim one next, both brighter than what is around.
  for (let seed = 0; seed < 60; seed++) {
    const { name, image, onImage, truth } = drawTask(seed, {
      painted: 0,
      random: 0,
      scenes: 0,
      regions: 0,
      appearance: 0,
    });
    if (name === "random map") continue;
    const mean = (inside: number) => {
      const values = [...image].filter((_, i) => onImage[i] === 1 && truth[i] === inside);
      return values.reduce((sum, value) => sum + value / values.length, 0);
    };
    expect(mean(1), `seed ${seed}`).toBeGreaterThan(mean(0));
  }
});

test("features come with real images, but for the share that goes without, and never with painted ones", () => {
  const channels = 2;
  const items = images.items.filter(({ kind }) => kind === "image");
  const data = new Int8Array(new SharedArrayBuffer(items.length * channels * 64 * 64)).fill(32);
  const places = new Map(items.map(({ dataset, name }, i) => [`${dataset}/${name}`, i]));
  const withFeatures = new TaskSource(
    images,
    { ...NO_EXTRAS, features: new FeatureStore({ channels, data, places }) },
    "train",
  );
  const drawn = (changes: Partial<TaskOptions>) =>
    Array.from({ length: 40 }, (_, seed) => withFeatures.draw(Rng.seeded(seed), options(changes)));
  for (const { name, features } of drawn({ withoutFeatures: 0 })) {
    if (!name.includes("subject")) expect(features).toBeNull();
    else expect(features?.every((value) => value === 0 || Math.abs(value - 1) < 1e-6)).toBe(true);
  }
  expect(drawn({ withoutFeatures: 1 }).every(({ features }) => features === null)).toBe(true);
});

/** What a session shows the model, by plane, with the target. */
function written(session: Session) {
  const planes = new Float32Array(PLANES.length * AREA);
  const [ym, ys] = [new Float32Array(AREA), new Float32Array(AREA)];
  session.write(planes, ym, ys, 0);
  const plane = (name: (typeof PLANES)[number]) =>
    planes.subarray(PLANES.indexOf(name) * AREA, (PLANES.indexOf(name) + 1) * AREA);
  return { plane, planes, ym, ys };
}

/** An answer as the model gives them: any probability where nothing is marked by hand, and there what is marked. */
function answer(rng: Rng, { plane }: ReturnType<typeof written>, truth: Uint8Array): Float32Array {
  const [inside, outside] = [plane("inside"), plane("outside")];
  const trust = rng.uniform();
  return Float32Array.from(truth, (value, i) => {
    if (inside[i] || outside[i]) return inside[i];
    return rng.uniform() < trust ? value : rng.uniform();
  });
}

/** Calls `check` with every round of many sessions. */
function everyRound(
  check: (shown: ReturnType<typeof written>, task: Task, where: string, isBrush: boolean) => void,
): void {
  for (let seed = 0; seed < SEEDS; seed++) {
    const rng = Rng.seeded(seed);
    const task = source.draw(rng.at("task"), options());
    const session = new Session(rng.at("session"), task, SIZE);
    for (let round = 0; round < ROUNDS; round++) {
      const shown = written(session);
      check(shown, task, `seed ${seed}, round ${round}`, session.isBrush);
      const said = (which: string) => answer(rng.at(which).at(round), shown, task.truth);
      session.correct(rng.at(round), said("first"), said("picked"));
    }
  }
}

/** Most that the middle line of a brush stroke lies beside what it marks, in cells. */
const TREMOR = 1.5;

test("marks by hand never contradict each other nor, but for a brush's tremor, the truth, and there is always one but for a box around the whole image", () => {
  let spilled = 0;
  everyRound(({ plane }, { truth, onImage }, place, isBrush) => {
    const [inside, outside, segmented] = [plane("inside"), plane("outside"), plane("segmented")];
    const grid = { width: SIZE, height: SIZE };
    const [toInside, toOutside] = [truth, truth.map((value) => 1 - value)].map((mask) => distanceTo(mask, grid));
    const beside = Array.from(inside, (value, i) => (value ? toInside[i] : outside[i] ? toOutside[i] : 0));
    expect(
      inside.every((value, i) => value + outside[i] <= 1),
      place,
    ).toBe(true);
    expect(Math.max(...beside), place).toBeLessThanOrEqual(isBrush ? TREMOR : 0);
    spilled += beside.filter((distance) => distance > 0).length;
    const [reach, room] = [truth, onImage].map((mask) => boundsOf(mask, { width: SIZE, height: SIZE })!);
    const isWhole = room.width - reach.width <= 4 && room.height - reach.height <= 4;
    expect(segmented.includes(1) || isWhole, place).toBe(true);
  });
  // Hands do tremble.
  expect(spilled).toBeGreaterThan(0);
});

test("what is marked by hand is segmented as it was marked, and inside only where segmented", () => {
  everyRound(({ plane }) => {
    const [inside, outside] = [plane("inside"), plane("outside")];
    const [segmented, segmentedInside] = [plane("segmented"), plane("segmentedInside")];
    for (let i = 0; i < AREA; i++) {
      expect(segmentedInside[i]).toBeLessThanOrEqual(segmented[i]);
      if (inside[i]) expect(segmentedInside[i]).toBe(1);
      if (outside[i]) expect([segmented[i], segmentedInside[i]]).toEqual([1, 0]);
    }
  });
});

test("the target holds all that is segmented, its labels are the truth, and a step of 1 asks for everything", () => {
  const steps = { whole: 0, part: 0 };
  everyRound(({ plane, ym, ys }, { truth, onImage }) => {
    const [segmented, step] = [plane("segmented"), plane("step")[0]];
    expect(ym.every((value, i) => value >= segmented[i])).toBe(true);
    expect([...ys]).toEqual([...truth]);
    if (step === 1) {
      steps.whole++;
      expect(ym.every((value) => value === 1)).toBe(true);
      return;
    }
    steps.part++;
    const open = segmented.reduce((sum, value, i) => sum + Number(!value && onImage[i]), 0);
    const added = ym.reduce((sum, value, i) => sum + Number(value && !segmented[i]), 0);
    expect(step).toBeGreaterThanOrEqual(0.1);
    expect(step).toBeLessThanOrEqual(0.9);
    expect(added).toBe(open === 0 ? 0 : Math.max(1, Math.round(step * open)));
  });
  // Three quarters of the targets are whole.
  expect(steps.whole / (steps.whole + steps.part)).toBeGreaterThan(0.65);
  expect(steps.whole / (steps.whole + steps.part)).toBeLessThan(0.85);
});

test("a wrong answer is nearly always followed by one more mark, in what was wrong, a right one by none", () => {
  let corrected = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const rng = Rng.seeded(seed);
    const task = source.draw(rng.at("task"), options());
    const session = new Session(rng.at("session"), task, SIZE);
    const marks = () => {
      const { plane } = written(session);
      return plane("inside").map((value, i) => value + plane("outside")[i]);
    };
    const first = marks();
    session.correct(rng.at(0), Float32Array.from(task.truth), Float32Array.from(task.truth));
    expect(marks()).toEqual(first);
    const shown = answer(rng.at("answer"), written(session), task.truth).map(Math.round);
    session.correct(rng.at(1), shown, shown);
    const wrong = Uint8Array.from(shown, (value, i) => Number(task.onImage[i] === 1 && value !== task.truth[i]));
    const away = distanceTo(wrong, { width: SIZE, height: SIZE });
    const fresh = [...marks()].map((value, i) => Number(value > first[i]));
    expect(
      fresh.every((value, i) => value === 0 || away[i] <= (session.isBrush ? TREMOR : 0)),
      `seed ${seed}`,
    ).toBe(true);
    if (count(fresh) > 0) corrected++;
  }
  // Of the third that is picked from several, one in five goes uncorrected.
  expect(corrected).toBeGreaterThan(0.8 * SEEDS);
});

test("a quarter of the sessions begin with a box and nothing else: all beyond it is outside, and all of the truth within", () => {
  let boxes = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const rng = Rng.seeded(seed);
    const task = source.draw(rng.at("task"), options());
    const { plane } = written(new Session(rng.at("session"), task, SIZE));
    if (plane("inside").includes(1) || plane("segmentedInside").includes(1)) continue;
    boxes++;
    const open = Uint8Array.from(plane("outside"), (value, i) => task.onImage[i] & (1 - value));
    const { x, y, width, height } = boundsOf(open, { width: SIZE, height: SIZE })!;
    const isFull = (i: number) => {
      const [column, row] = [i % SIZE, Math.floor(i / SIZE)];
      return column >= x && column < x + width && row >= y && row < y + height;
    };
    expect([...open]).toEqual(Array.from(open, (_, i) => (isFull(i) ? task.onImage[i] : 0)));
  }
  expect(boxes / SEEDS).toBeGreaterThan(0.17);
  expect(boxes / SEEDS).toBeLessThan(0.34);
});

test("the same seed gives the same bytes, another other ones", () => {
  const bytes = (seed: number) => {
    const rng = Rng.seeded(seed);
    const task = source.draw(rng.at("task"), options());
    const session = new Session(rng.at("session"), task, SIZE);
    session.correct(rng.at("correction"), new Float32Array(AREA), new Float32Array(AREA));
    const { planes, ym, ys } = written(session);
    return [...planes, ...ym, ...ys];
  };
  for (let seed = 0; seed < 10; seed++) expect(bytes(seed)).toEqual(bytes(seed));
  expect(new Set(Array.from({ length: 10 }, (_, seed) => bytes(seed).join())).size).toBe(10);
});
