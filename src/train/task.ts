/**
 * One training task: an image, what is to be segmented in it, and, unless it is painted, features of a pretrained encoder.
 * One image has many right answers: a structure, one of its parts, some of them, several structures, a region that only looks like one.
 */
import { blurredWith, boundsOf, components, type Grid, type Rng } from "../core/index.ts";
import { changeAppearance, drawScene, paint, pickThings, smoothLabelMap } from "../synth/index.ts";
import type { AnnotatedImage, ImagePixels } from "./annotated-images.ts";
import type { FeatureStore } from "./feature-store.ts";
import { type FoundRegions, regionAt } from "./region-cache.ts";
import { SCENES } from "./scene-images.ts";
import { drawView, readNearest, readOnImage, readValues, type View } from "./view.ts";

export interface Task {
  /** Which image, for naming a bad batch. */
  readonly name: string;
  /** [S, S], intensities in [0, 1] */
  readonly image: Float32Array;
  readonly onImage: Uint8Array;
  /** [S, S], 1 inside */
  readonly truth: Uint8Array;
  /** [F, S/2, S/2], or null for none */
  readonly features: Float32Array | null;
}

export interface TaskOptions {
  readonly size: number;
  /**
   * Shares of painted label maps, painted random maps, painted scenes, and, in real images, of look-alike regions and of those that the
   * pretrained segmenter found; the rest are structures.
   */
  readonly painted: number;
  readonly random: number;
  readonly scenes: number;
  /** Scenes with textures of real images, which come with features as these do. */
  readonly textured: number;
  readonly regions: number;
  readonly found: number;
  /** Share of tasks on real images that come without features. */
  readonly withoutFeatures: number;
  /** How strongly the appearance is changed, 0 to 1. */
  readonly appearance: number;
}

/** A data set with n masks is drawn n^BALANCE times as often as one with a single mask. */
const BALANCE = 0.35;
/** Share of tasks in which some of a structure's connected parts are wanted and not all. */
const PART_SHARE = 0.12;
const LEAST_CELLS = 30;
const MOST_SHARE = 0.85;
const TRIES = 30;

/** What tasks are drawn from: one split, its masks by data set and structure. */
export class TaskSource {
  private readonly images: ImagePixels;
  private readonly features: FeatureStore | null;
  private readonly regions: FoundRegions | null;
  private readonly byDataset: readonly {
    readonly weight: number;
    readonly structures: readonly (readonly [AnnotatedImage, number])[][];
  }[];
  private readonly labelMaps: readonly AnnotatedImage[];
  private readonly texturedScenes: readonly AnnotatedImage[];
  private readonly total: number;

  constructor(
    images: ImagePixels,
    { features, regions }: { readonly features: FeatureStore | null; readonly regions: FoundRegions | null },
    split: AnnotatedImage["split"],
  ) {
    this.images = images;
    this.features = features;
    this.regions = regions;
    const items = images.items.filter((item) => item.split === split);
    const datasets = new Map<string, Map<string, (readonly [AnnotatedImage, number])[]>>();
    for (const item of items.filter(({ dataset }) => dataset !== SCENES)) {
      for (const [m, { structure }] of item.masks.entries()) {
        const structures = datasets.get(item.dataset) ?? new Map();
        datasets.set(item.dataset, structures);
        structures.set(structure, [...(structures.get(structure) ?? []), [item, m] as const]);
      }
    }
    this.byDataset = [...datasets.values()].map((structures) => {
      const lists = [...structures.values()];
      return { weight: lists.reduce((sum, list) => sum + list.length, 0) ** BALANCE, structures: lists };
    });
    this.total = this.byDataset.reduce((sum, { weight }) => sum + weight, 0);
    this.labelMaps = items.filter(({ kind }) => kind === "labels");
    this.texturedScenes = items.filter(({ dataset, masks }) => dataset === SCENES && masks.length > 0);
  }

  draw(rng: Rng, options: TaskOptions): Task {
    for (let k = 0; ; k++) {
      const task = this.attempt(rng.at(k), options);
      if (task || k === TRIES) return task ?? randomTask(rng.at("last"), options.size);
    }
  }

  private attempt(rng: Rng, options: TaskOptions): Task | null {
    const { size, painted, random, scenes, textured, regions, found } = options;
    const kind = rng.uniform();
    if (kind < painted && this.labelMaps.length > 0) return this.paintedTask(rng, size);
    if (kind < painted + random) return randomTask(rng, size);
    if (kind < painted + random + scenes) return sceneTask(rng, size);
    if (kind < painted + random + scenes + textured && this.texturedScenes.length > 0)
      return this.texturedTask(rng, options);
    let pick = rng.uniform() * this.total;
    const dataset = this.byDataset.find(({ weight }) => {
      pick -= weight;
      return pick <= 0;
    });
    const { structures } = dataset ?? this.byDataset[0];
    const list = structures[rng.below(structures.length)];
    const [item, mask] = list[rng.below(list.length)];
    const made = painted + random + scenes + textured;
    if (kind >= made && kind < made + found) return this.foundTask(rng, item, options);
    const wanted = { inside: this.mask(item, mask), isRegion: kind >= made && kind < made + found + regions };
    return this.realTask(rng, item, wanted, options);
  }

  /** [H, W] of 0 and 1 */
  private mask({ masks, width, height }: AnnotatedImage, number: number): Uint8Array {
    const { offset } = masks[number];
    return this.images.pixels.subarray(offset, offset + width * height);
  }

  private texturedTask(rng: Rng, options: TaskOptions): Task | null {
    const item = this.texturedScenes[rng.below(this.texturedScenes.length)];
    return this.realTask(
      rng,
      item,
      { inside: this.mask(item, rng.below(item.masks.length)), isRegion: false },
      options,
    );
  }

  /** Null where the segmenter found nothing in the image. */
  private foundTask(rng: Rng, item: AnnotatedImage, options: TaskOptions): Task | null {
    const places = this.regions?.places.get(`${item.dataset}/${item.name}`) ?? [];
    if (!this.regions || places.length === 0) return null;
    const inside = regionAt(this.regions, places[rng.below(places.length)], item);
    return this.realTask(rng, item, { inside, isRegion: false }, options);
  }

  /** @param inside  [H, W] of the image at working size, or with `isRegion` only where to look */
  private realTask(
    rng: Rng,
    item: AnnotatedImage,
    { inside, isRegion }: { readonly inside: Uint8Array; readonly isRegion: boolean },
    options: TaskOptions,
  ): Task | null {
    const { size, withoutFeatures, appearance } = options;
    const { pixels } = this.images;
    const view = drawView(rng, item, boundsOf(inside, item)!);
    const onImage = readOnImage(view, size, item);
    const image = stretched(readValues(view, size, pixels, item.offset, item, 0), onImage);
    const seen = (mask: Uint8Array) =>
      Uint8Array.from(readValues(view, size, mask, 0, item, 0), (value) => Number(value >= 0.5));
    let truth: Uint8Array = seen(inside);
    if (isRegion) truth = lookAlike(rng, image, onImage, size);
    else if (item.masks.length > 1 && rng.uniform() < 0.12) {
      const other = seen(this.mask(item, rng.below(item.masks.length)));
      truth = truth.map((value, i) => value | other[i]);
    }
    truth = someParts(rng, truth, size);
    if (!isFit(truth, onImage)) return null;
    const features =
      this.features && rng.uniform() >= withoutFeatures ? this.features.read(item, view, size / 2) : null;
    changeAppearance(rng, image, { width: size, height: size }, features ? appearance * 0.6 : appearance);
    for (let i = 0; i < image.length; i++) if (!onImage[i]) image[i] = 0;
    return { name: `${item.dataset}/${item.name}`, image, onImage, truth, features };
  }

  private paintedTask(rng: Rng, size: number): Task | null {
    const item = this.labelMaps[rng.below(this.labelMaps.length)];
    const all = { x: 0, y: 0, width: item.width, height: item.height };
    const part = {
      x: rng.below(Math.ceil(item.width / 2)),
      y: rng.below(Math.ceil(item.height / 2)),
      width: item.width / 3,
      height: item.height / 3,
    };
    const view: View = drawView(rng, item, rng.uniform() < 0.5 ? all : part);
    const labels = readNearest(view, size, this.images.pixels, item.offset, item);
    return taskOfLabels(rng, labels, size, `${item.dataset}/${item.name}`);
  }
}

function randomTask(rng: Rng, size: number): Task {
  const count = 3 + rng.below(14);
  for (let k = 0; ; k++) {
    const labels = smoothLabelMap(rng.at(k), size, count);
    const task = taskOfLabels(rng.at(k), labels, size, "random map");
    if (task) return task;
  }
}

function sceneTask(rng: Rng, size: number): Task | null {
  const scene = drawScene(rng.at("scene"), size);
  return paintedOver(rng, scene.looks, pickThings(rng, scene), size, "scene");
}

function taskOfLabels(rng: Rng, labels: Uint8Array, size: number, name: string): Task | null {
  const present = [...new Set(labels)];
  const chosen = present[rng.below(present.length)];
  const second = rng.uniform() < 0.15 ? present[rng.below(present.length)] : chosen;
  const wanted = labels.map((label) => Number(label === chosen || label === second));
  return paintedOver(rng, labels, wanted, size, name);
}

/** @param wanted  [S, S], of which all or some parts are the truth */
function paintedOver(rng: Rng, labels: Uint8Array, wanted: Uint8Array, size: number, name: string): Task | null {
  const truth = someParts(rng, wanted, size);
  const onImage = new Uint8Array(size * size).fill(1);
  if (!isFit(truth, onImage)) return null;
  const image = stretched(paint(rng, labels, { width: size, height: size }), onImage);
  return { name, image, onImage, truth, features: null };
}

/** Mostly all of it, else one connected part or some of them. */
function someParts(rng: Rng, truth: Uint8Array, size: number): Uint8Array {
  const isPart = rng.uniform() < PART_SHARE;
  const one = rng.uniform() < 0.6;
  if (!isPart) return truth;
  const { labels, sizes } = components(truth, { width: size, height: size });
  const fit = [...sizes.keys()].filter((k) => sizes[k] >= LEAST_CELLS);
  if (fit.length < 2) return truth;
  const order = rng.shuffle(fit);
  const kept = new Set(order.slice(0, one ? 1 : 1 + rng.below(order.length - 1)).map((k) => k + 1));
  return truth.map((_, i) => Number(kept.has(labels[i])));
}

function isFit(truth: Uint8Array, onImage: Uint8Array): boolean {
  let [inside, all] = [0, 0];
  for (let i = 0; i < truth.length; i++) {
    truth[i] &= onImage[i];
    inside += truth[i];
    all += onImage[i];
  }
  return inside >= LEAST_CELLS && inside <= MOST_SHARE * all;
}

/** A connected region of like intensity around a random place: what a superpixel is, at any scale. */
function lookAlike(rng: Rng, image: Float32Array, onImage: Uint8Array, size: number): Uint8Array {
  const grid: Grid = { width: size, height: size };
  const smooth = blurredWith(image, grid, rng.between(0.7, 2.5));
  const start = rng.below(image.length);
  const tolerance = rng.between(0.04, 0.18);
  const like = smooth.map((value, i) => Number(onImage[i] && Math.abs(value - smooth[start]) < tolerance));
  const { labels } = components(Uint8Array.from(like), grid);
  const region = Float32Array.from(labels, (label) => Number(label > 0 && label === labels[start]));
  return Uint8Array.from(blurredWith(region, grid, 1), (value) => Number(value >= 0.5));
}

/** To [0, 1] between the percentiles 1 and 99 of what lies on the image, as a window is read (`model/window.ts`). */
function stretched(values: Float32Array, onImage: Uint8Array): Float32Array {
  const sorted = values.filter((_, i) => onImage[i] === 1).sort();
  const [low, high] = [0.01, 0.99].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  const range = high - low;
  return values.map((value) => (range > 0 ? Math.min(1, Math.max(0, (value - low) / range)) : 0.5));
}
