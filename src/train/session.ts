/**
 * A simulated annotation, as training sees it: what is marked when the model is asked, and the correction after its answer.
 *
 * It begins as annotators begin: a box alone, a stroke, a click, a loop, extreme points, a random part of the truth, or a segmentation with
 * errors in it; every later round takes the model's answer and corrects its largest error with one stroke.
 */
import { components, distanceTo, type Grid, largestComponent, type Rng } from "../core/index.ts";
import { compare, type ImageMaps, imageMaps, PLANES } from "../model/index.ts";
import {
  boxAround,
  brushIn,
  clickIn,
  loopAround,
  type Prompt,
  scribbleIn,
  smoothLabelMap,
  sureOf,
} from "../synth/index.ts";
import type { Task } from "./task.ts";

/** Share of sessions that ask for the whole ("finish it"); the others ask for a part of what is left. */
const COMPLETE_SHARE = 0.75;
/** Share of corrections in the largest error; the others are in any. */
const LARGEST_SHARE = 0.85;
const LEAST_ERROR = 2;
/** Share of sessions that begin with a box and nothing else. */
const BOX_SHARE = 0.25;
/** Share of sessions whose strokes are those of a brush. */
const BRUSH_SHARE = 0.2;
/** Share of rounds that take the best of several candidates, as annotators do, and of those that correct it with a stroke. */
const PICK_SHARE = 0.35;
const STROKE_AFTER_PICK = 0.8;

export class Session {
  readonly task: Task;
  private readonly grid: Grid;
  private readonly maps: ImageMaps;
  /** Whether its strokes are those of a brush, whose middle line may lie a little beside what it is to mark. */
  readonly isBrush: boolean;
  private readonly inside: Uint8Array;
  private readonly outside: Uint8Array;
  private segmented: Uint8Array;
  private segmentedInside: Uint8Array;
  /** How much of what is left the next answer is to add, (0, 1]. */
  private step = 1;
  /** y_m: where the target is segmented */
  private target: Uint8Array;

  constructor(rng: Rng, task: Task, size: number) {
    this.task = task;
    this.grid = { width: size, height: size };
    this.maps = imageMaps(task.image, task.onImage, this.grid);
    this.inside = new Uint8Array(size * size);
    this.outside = new Uint8Array(size * size);
    this.segmented = new Uint8Array(size * size);
    this.segmentedInside = new Uint8Array(size * size);
    this.isBrush = rng.at("pen").uniform() < BRUSH_SHARE;
    this.begin(rng.at("begin"));
    this.target = this.drawTarget(rng.at("target"));
  }

  /**
   * @param shown   [S, S], the probability inside in the model's first answer
   * @param picked  [S, S], the same in the best of the others
   */
  correct(rng: Rng, shown: Float32Array, picked: Float32Array): void {
    const { truth, onImage } = this.task;
    const isPick = rng.at("pick").uniform() < PICK_SHARE;
    const answer = isPick ? picked : shown;
    const taken = new Uint8Array(answer.length);
    const wrong = new Uint8Array(answer.length);
    // Loops, here and below: there are many samples a second to make, and callbacks cost a tenth of the time.
    for (let i = 0; i < taken.length; i++) {
      taken[i] = answer[i] > 0.5 ? 1 : 0;
      wrong[i] = onImage[i] === 1 && truth[i] !== taken[i] ? 1 : 0;
      if (!this.target[i]) continue;
      this.segmented[i] = 1;
      this.segmentedInside[i] = taken[i];
    }
    if (!isPick || rng.at("stroke").uniform() < STROKE_AFTER_PICK) this.markError(rng.at("error"), wrong, taken);
    this.target = this.drawTarget(rng.at("target"));
  }

  /** Writes the planes of `comparison.ts`, y_m and y_s. */
  write(planes: Float32Array, ym: Float32Array, ys: Float32Array, n: number): void {
    const area = this.grid.width * this.grid.height;
    const { inside, outside, segmented, segmentedInside } = this;
    compare(this.maps, { inside, outside, segmented, segmentedInside }, this.step, planes, n * PLANES.length * area);
    ym.set(this.target, n * area);
    ys.set(this.task.truth, n * area);
  }

  private begin(rng: Rng): void {
    if (rng.at("box").uniform() < BOX_SHARE) {
      this.markBox(rng);
      return;
    }
    const { truth } = this.task;
    const kind = rng.uniform();
    const main = rng.uniform() < 0.85 ? largestComponent(truth, this.grid) : anyComponent(rng, truth, this.grid);
    if (kind < 0.14) {
      this.draw(this.stroke(rng, main, 1));
      this.beginWithErrors(rng);
    } else if (kind < 0.2) this.beginWithPart(rng);
    else if (kind < 0.3) this.draw(clickIn(main, this.grid, 1));
    else if (kind < 0.34) this.markExtremes();
    else this.draw(this.stroke(rng, main, 1));
    const more = rng.uniform();
    if (more < 0.12) this.draw(loopAround(rng, truth, this.task.onImage, this.grid));
    else if (more < 0.17) this.markBox(rng);
    else if (more < 0.27) this.draw(this.stroke(rng, anyComponent(rng, truth, this.grid), 1));
    else if (more < 0.37) this.markOutside(rng);
  }

  /** @param shown  [S, S], 1 where it is shown as inside before the stroke; nothing is where it is left out */
  private stroke(
    rng: Rng,
    region: Uint8Array,
    label: 0 | 1,
    shown: Uint8Array = new Uint8Array(region.length),
  ): Prompt {
    if (!this.isBrush) return scribbleIn(rng, region, this.grid, label);
    const { truth, onImage } = this.task;
    return brushIn(rng, region, { shown, truth, valid: onImage }, this.grid, label);
  }

  private draw(prompt: Prompt): void {
    this.mark(prompt.label, prompt.pixels, sureOf(prompt, this.grid));
  }

  private mark(label: 0 | 1, pixels: Uint8Array, sure = pixels): void {
    for (let i = 0; i < pixels.length; i++) {
      if (!pixels[i]) continue;
      // What a brush covers beside its middle line does not change what is by hand.
      if (!sure[i] && this.inside[i] + this.outside[i] > 0) continue;
      this.segmented[i] = 1;
      this.segmentedInside[i] = label;
      if (!sure[i]) continue;
      this.inside[i] = label;
      this.outside[i] = 1 - label;
    }
  }

  private markError(rng: Rng, wrong: Uint8Array, shown: Uint8Array): void {
    const { labels, sizes } = components(wrong, this.grid);
    const fit = [...sizes.keys()].filter((k) => sizes[k] >= LEAST_ERROR);
    if (fit.length === 0) return;
    const largest = fit.reduce((best, k) => (sizes[k] > sizes[best] ? k : best), fit[0]);
    const chosen = rng.uniform() < LARGEST_SHARE ? largest : fit[rng.below(fit.length)];
    // A component of errors may hold missing and extra pixels side by side: a stroke corrects those of one kind.
    const { truth } = this.task;
    let missing = 0;
    for (let i = 0; i < labels.length; i++) if (labels[i] === chosen + 1 && truth[i]) missing++;
    const label = 2 * missing >= sizes[chosen] ? 1 : 0;
    const ofKind = new Uint8Array(labels.length);
    for (let i = 0; i < labels.length; i++) ofKind[i] = labels[i] === chosen + 1 && truth[i] === label ? 1 : 0;
    const region = largestComponent(ofKind, this.grid);
    this.draw(rng.uniform() < 0.85 ? this.stroke(rng, region, label, shown) : clickIn(region, this.grid, label));
  }

  private markOutside(rng: Rng): void {
    const { truth, onImage } = this.task;
    const away = distanceTo(truth, this.grid);
    const reach = this.grid.width * rng.between(0.06, 0.3);
    const near = Uint8Array.from(away, (distance, i) => Number(distance > 1 && distance < reach && onImage[i] === 1));
    const region = largestComponent(near, this.grid);
    if (region.includes(1)) this.draw(this.stroke(rng, region, 0, onImage));
  }

  /** A box says that all that lies outside it is outside. */
  private markBox(rng: Rng): void {
    const { truth, onImage } = this.task;
    const { pixels } = boxAround(rng, truth, this.grid);
    this.mark(
      0,
      pixels.map((value, i) => onImage[i] & (1 - value)),
    );
  }

  /** The highest, lowest, leftmost and rightmost pixel. */
  private markExtremes(): void {
    const { truth } = this.task;
    const { width } = this.grid;
    const inside: number[] = [];
    for (let i = 0; i < truth.length; i++) if (truth[i]) inside.push(i);
    const byColumn = inside.toSorted((a, b) => (a % width) - (b % width));
    const pixels = new Uint8Array(truth.length);
    for (const i of [inside[0], inside[inside.length - 1], byColumn[0], byColumn[byColumn.length - 1]]) pixels[i] = 1;
    this.mark(1, pixels);
  }

  /** A random part of the truth is segmented already, as after a few partial candidates taken. */
  private beginWithPart(rng: Rng): void {
    const { truth, onImage } = this.task;
    const map = smoothLabelMap(rng.at("part"), this.grid.width, 8);
    const shown = new Set(rng.shuffle([0, 1, 2, 3, 4, 5, 6, 7]).slice(0, 2 + rng.below(5)));
    for (let i = 0; i < map.length; i++) {
      if (!shown.has(map[i]) || !onImage[i]) continue;
      this.segmented[i] = 1;
      this.segmentedInside[i] = truth[i];
    }
    if (!this.segmentedInside.includes(1)) this.draw(this.stroke(rng, largestComponent(truth, this.grid), 1));
  }

  /** All is segmented, with errors: shifted, grown or shrunk, with a part missing or one too many; then a stroke corrects it. */
  private beginWithErrors(rng: Rng): void {
    const { truth, onImage } = this.task;
    const { width } = this.grid;
    const [dx, dy] = [Math.round(3 * rng.normal()), Math.round(3 * rng.normal())];
    const grow = 2.5 * rng.normal();
    const into = distanceTo(truth, this.grid);
    const out = distanceTo(
      truth.map((value) => 1 - value),
      this.grid,
    );
    const map = smoothLabelMap(rng.at("errors"), width, 10);
    const [dropped, added] = [rng.below(10), rng.uniform() < 0.5 ? rng.below(10) : -1];
    const size = truth.length;
    const taken = truth.map((_, i) => {
      const from = Math.min(size - 1, Math.max(0, i - dy * width - dx));
      const signed = truth[from] ? out[from] : 1 - into[from];
      const near = into[i] < 0.12 * width;
      return Number(onImage[i] === 1 && ((signed + grow > 0 && map[i] !== dropped) || (map[i] === added && near)));
    });
    for (let i = 0; i < size; i++) {
      if (this.inside[i]) continue;
      this.segmented[i] = onImage[i];
      this.segmentedInside[i] = taken[i];
    }
    this.markError(
      rng,
      truth.map((value, i) => Number(onImage[i] === 1 && value !== taken[i])),
      taken,
    );
  }

  /** What the answer is to be segmented: all, or what is nearest to what has been, by a margin that varies. */
  private drawTarget(rng: Rng): Uint8Array {
    if (rng.uniform() < COMPLETE_SHARE) {
      this.step = 1;
      return new Uint8Array(this.task.truth.length).fill(1);
    }
    const { segmentedInside, segmented, task } = this;
    const open: number[] = [];
    for (let i = 0; i < segmented.length; i++) if (!segmented[i] && task.onImage[i]) open.push(i);
    this.step = rng.between(0.1, 0.9);
    if (open.length === 0) return segmented.slice();
    const away = distanceTo(segmentedInside.includes(1) ? segmentedInside : this.outside, this.grid);
    const map = smoothLabelMap(rng.at("growth"), this.grid.width, 6);
    const margins = Array.from({ length: 6 }, () => 0.1 * this.grid.width * rng.normal());
    const order = open.toSorted((a, b) => away[a] + margins[map[a]] - away[b] - margins[map[b]]);
    const target = segmented.slice();
    for (const i of order.slice(0, Math.max(1, Math.round(this.step * order.length)))) target[i] = 1;
    return target;
  }
}

function anyComponent(rng: Rng, mask: Uint8Array, grid: Grid): Uint8Array {
  const { labels, sizes } = components(mask, grid);
  const chosen = 1 + rng.below(sizes.length);
  return Uint8Array.from(labels, (label) => Number(label === chosen));
}
