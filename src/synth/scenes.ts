/**
 * Scenes of many things of a few kinds, as in tissue, spines and vessel trees: what a stroke on one thing asks for is mostly all of its kind.
 *
 * A kind has a size, an outline and up to three layers (core, body, rim) that look different from one another; its things differ a little.
 */
import type { Rng } from "../core/index.ts";
import { smoothLabelMap } from "./label-map.ts";

export interface Scene {
  /** [size, size], what looks alike: grounds from 0, then LAYERS looks for each kind */
  readonly looks: Uint8Array;
  /** [size, size], 0 for the ground, then the number of the kind from 1 */
  readonly kinds: Uint8Array;
}

/** Core, body and rim. */
export const LAYERS = 3;
export const GROUNDS = 4;
const MOST_KINDS = 3;
/** Most values of `Scene.looks`. */
export const LOOKS = GROUNDS + LAYERS * MOST_KINDS;
/** Waves in an outline. */
const WAVES = [2, 3, 4, 5] as const;

interface Kind {
  readonly look: number;
  /** Half the longer side, in pixels. */
  readonly radius: number;
  readonly aspect: number;
  /** 2 for an ellipse; larger is more like a box. */
  readonly squareness: number;
  readonly roughness: number;
  /** Where the core ends and where the rim begins, as shares of the radius. */
  readonly core: number;
  readonly rim: number;
  /** How much things of the kind differ in size. */
  readonly spread: number;
}

/** How many things a scene holds, and how large they are. */
interface Crowd {
  readonly things: (rng: Rng) => number;
  /** Least and most radius of a kind, and width of packed cells, as shares of the scene's side. */
  readonly radius: readonly [number, number];
  readonly pitch: readonly [number, number];
}

const SOME: Crowd = { things: (rng) => 3 + rng.below(30), radius: [0.025, 0.17], pitch: [0.08, 0.25] };
/** Mostly a few, now and then hundreds, as nuclei in a slide. */
export const MANY: Crowd = {
  things: (rng) => 3 + Math.floor(220 * rng.uniform() ** 2.5),
  radius: [0.014, 0.15],
  pitch: [0.05, 0.25],
};

export function drawScene(rng: Rng, size: number, crowd = SOME): Scene {
  const ground = smoothLabelMap(rng.at("ground"), size, 1 + rng.below(GROUNDS));
  const scene = { looks: ground, kinds: new Uint8Array(size * size) };
  const kinds = Array.from({ length: 1 + rng.below(MOST_KINDS) }, (_, k) =>
    drawKind(rng.at("kind").at(k), size, k, crowd),
  );
  const arrangement = rng.uniform();
  if (arrangement < 0.4) scatter(rng, scene, size, kinds, crowd);
  else if (arrangement < 0.6) align(rng, scene, size, kinds);
  else if (arrangement < 0.75) pack(rng, scene, size, kinds, crowd);
  else grow(rng, scene, size, kinds);
  return scene;
}

function drawKind(rng: Rng, size: number, number: number, { radius: [least, most] }: Crowd): Kind {
  return {
    look: GROUNDS + LAYERS * number,
    radius: size * Math.exp(rng.between(Math.log(least), Math.log(most))),
    aspect: rng.uniform() < 0.4 ? 1 : rng.between(0.35, 1),
    squareness: rng.uniform() < 0.6 ? 2 : rng.between(2.5, 6),
    roughness: rng.uniform() < 0.4 ? 0 : rng.between(0, 0.12),
    core: rng.uniform() < 0.6 ? 0 : rng.between(0.3, 0.7),
    rim: rng.uniform() < 0.6 ? 1 : rng.between(0.7, 0.9),
    spread: rng.between(0, 0.35),
  };
}

/** Here and there, apart from one another. */
function scatter(rng: Rng, scene: Scene, size: number, kinds: readonly Kind[], crowd: Crowd): void {
  const gap = rng.between(1, 0.06 * size);
  const wanted = crowd.things(rng);
  for (let n = 0; n < wanted; n++) {
    const k = rng.below(kinds.length);
    place(rng, scene, size, kinds, k, [rng.between(0, size), rng.between(0, size)], rng.between(0, 2 * Math.PI), gap);
  }
}

/** One after another along a bent line, the kinds taking turns, all turned with the line: vertebrae and discs. */
function align(rng: Rng, scene: Scene, size: number, kinds: readonly Kind[]): void {
  const gap = rng.between(1, 4);
  for (let line = 1 + rng.below(2); line > 0; line--) {
    const bend = rng.between(-1.5, 1.5) / size;
    let heading = rng.between(0, 2 * Math.PI);
    const turned = rng.uniform() < 0.5 ? 0 : Math.PI / 2;
    let [x, y] = [0, 0].map(() => rng.between(0.25, 0.75) * size);
    // Back to the edge first, so that the line crosses the image.
    while (x > 0 && y > 0 && x < size && y < size) {
      x -= Math.cos(heading);
      y -= Math.sin(heading);
      heading -= bend;
    }
    for (let n = 0; n < 2 * size; n++) {
      const k = n % kinds.length;
      const { radius, aspect } = kinds[k];
      const half = radius * (turned ? aspect : 1) + gap / 2;
      for (let walked = 0; walked < 2 * half; walked++) {
        if (Math.floor(walked) === Math.floor(half))
          place(rng, scene, size, kinds, k, [x, y], heading + turned + 0.08 * rng.normal(), 0);
        x += Math.cos(heading);
        y += Math.sin(heading);
        heading += bend;
      }
      if (x < -size || y < -size || x > 2 * size || y > 2 * size) break;
    }
  }
}

/** Side by side with walls between, as cells are: every pixel belongs to the nearest of many seeds. */
function pack(rng: Rng, { looks, kinds }: Scene, size: number, list: readonly Kind[], crowd: Crowd): void {
  const pitch = size * rng.between(...crowd.pitch);
  const wall = rng.between(0.5, 2.5);
  const full = rng.uniform() < 0.5 ? 1 : rng.between(0.5, 0.95);
  const across = Math.ceil(size / pitch) + 5;
  const seeds = Array.from({ length: across * across }, (_, n) => ({
    x: ((n % across) - 2 + rng.between(-0.4, 0.4)) * pitch,
    y: (Math.floor(n / across) - 2 + rng.between(-0.4, 0.4)) * pitch,
    kind: rng.uniform() < full ? rng.below(list.length) : -1,
  }));
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      let [first, second] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      let owner = seeds[0];
      const corner = Math.round(y / pitch) * across + Math.round(x / pitch);
      for (let n = 0; n < 25; n++) {
        const seed = seeds[corner + Math.floor(n / 5) * across + (n % 5)];
        const distance = Math.hypot(x - seed.x, y - seed.y);
        if (distance < first) {
          second = first;
          first = distance;
          owner = seed;
        } else if (distance < second) second = distance;
      }
      if (owner.kind < 0) continue;
      const { core, look } = list[owner.kind];
      const i = y * size + x;
      const isWall = second - first < 2 * wall;
      // The wall is all kinds' own: the rim of the first.
      looks[i] = isWall ? list[0].look + 2 : look + (first < core * 0.5 * pitch ? 0 : 1);
      kinds[i] = isWall ? list.length + 1 : owner.kind + 1;
    }
  }
}

/** Winding lines that branch and thin out, some from a body: vessels and neurites. */
function grow(rng: Rng, scene: Scene, size: number, kinds: readonly Kind[]): void {
  for (let n = 1 + rng.below(6); n > 0; n--) {
    const k = rng.below(kinds.length);
    const start: [number, number] = [rng.between(0, size), rng.between(0, size)];
    const hasBody = rng.uniform() < 0.4;
    if (hasBody) place(rng, scene, size, kinds, k, start, rng.between(0, 2 * Math.PI), 0);
    const arms = hasBody ? 1 + rng.below(5) : 1;
    const width = Math.min(kinds[k].radius, size * Math.exp(rng.between(Math.log(0.006), Math.log(0.035))));
    for (let arm = 0; arm < arms; arm++) branch(rng, scene, size, kinds[k], k, start, width, 3);
  }
}

function branch(
  rng: Rng,
  scene: Scene,
  size: number,
  kind: Kind,
  number: number,
  [startX, startY]: [number, number],
  width: number,
  depth: number,
): void {
  const length = size * rng.between(0.2, 1);
  const restless = rng.between(0.02, 0.25);
  let heading = rng.between(0, 2 * Math.PI);
  let [x, y] = [startX, startY];
  for (let walked = 0; walked < length; walked++) {
    stamp(scene, size, kind, number, x, y, Math.max(0.6, width * (1 - (0.5 * walked) / length)));
    heading += restless * rng.normal();
    x += Math.cos(heading);
    y += Math.sin(heading);
    if (depth > 0 && rng.uniform() < 0.02) branch(rng, scene, size, kind, number, [x, y], 0.75 * width, depth - 1);
  }
}

/** A disc of the kind's body. */
function stamp({ looks, kinds }: Scene, size: number, kind: Kind, number: number, x: number, y: number, r: number) {
  for (let row = Math.max(0, Math.ceil(y - r)); row <= Math.min(size - 1, y + r); row++) {
    for (let column = Math.max(0, Math.ceil(x - r)); column <= Math.min(size - 1, x + r); column++) {
      if (Math.hypot(column - x, row - y) > r) continue;
      const i = row * size + column;
      looks[i] = kind.look + 1;
      kinds[i] = number + 1;
    }
  }
}

/** Draws one thing, unless another is nearer than `gap` pixels; 0 lets a thing lie over others. */
function place(
  rng: Rng,
  { looks, kinds }: Scene,
  size: number,
  list: readonly Kind[],
  number: number,
  [x, y]: readonly [number, number],
  turn: number,
  gap: number,
): void {
  const kind = list[number];
  const radius = Math.max(1.5, kind.radius * Math.exp(kind.spread * rng.normal()));
  const waves = WAVES.map((k) => ({ k, amplitude: (kind.roughness * rng.normal()) / k, phase: rng.between(0, 6.3) }));
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const reach = 1.5 * radius + gap;
  const bounds = (middle: number) => [Math.max(0, Math.floor(middle - reach)), Math.min(size - 1, middle + reach)];
  const [[left, right], [top, bottom]] = [bounds(x), bounds(y)];
  const drawn: [number, number][] = [];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const [dx, dy] = [column - x, row - y];
      const [u, v] = [dx * cos + dy * sin, (dy * cos - dx * sin) / kind.aspect];
      const angle = Math.atan2(v, u);
      const outline = waves.reduce((sum, { k, amplitude, phase }) => sum + amplitude * Math.cos(k * angle + phase), 1);
      const p = kind.squareness;
      const from = (Math.abs(u) ** p + Math.abs(v) ** p) ** (1 / p) / outline;
      if (from > radius + gap) continue;
      const i = row * size + column;
      if (gap > 0 && kinds[i]) return;
      if (from <= radius) drawn.push([i, from / radius]);
    }
  }
  for (const [i, share] of drawn) {
    looks[i] = kind.look + (share < kind.core ? 0 : share < kind.rim ? 1 : 2);
    kinds[i] = number + 1;
  }
}

/** All pixels of a kind, or of one of its layers. @returns [size, size], 1 inside; all 0 where a scene holds nothing */
export function pickThings(rng: Rng, { looks, kinds }: Scene): Uint8Array {
  const present = [...new Set(kinds)].filter((kind) => kind > 0).sort((a, b) => a - b);
  if (present.length === 0) return new Uint8Array(kinds.length);
  const kind = present[rng.below(present.length)];
  if (rng.uniform() < 0.75) return kinds.map((value) => Number(value === kind));
  const layers = [...new Set(looks.filter((_, i) => kinds[i] === kind))].sort((a, b) => a - b);
  const layer = layers[rng.below(layers.length)];
  return looks.map((value, i) => Number(value === layer && kinds[i] === kind));
}
