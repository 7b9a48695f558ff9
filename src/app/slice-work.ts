/** What is done with a volume's slices: going from one to the next, finishing, carrying a mask over, filling, looking for doubt. */
import { batch } from "solid-js";
import type { Stroke } from "../core/index.ts";
import { type Label, type Plane, voxelAt } from "../image/index.ts";
import { type Action, type Change, named, type SlicePlace } from "../project/annotation.ts";
import { keyOf } from "../project/labels.ts";
import { DONE, fillDelta, gapNear, maskOf } from "../project/slice-labels.ts";
import { statisticsCsv, Tally } from "../project/tally.ts";
import type { Asker, Offer } from "./asker.ts";
import { carriedCandidate, insideOnly, startedFrom } from "./carry.ts";
import type { Message } from "./message.ts";
import { disagreementOf } from "./offer-raster.ts";
import type { Look, OpenImage } from "./open-image.ts";
import type { OpenVolume } from "./open-volume.ts";
import { saveFile } from "./save-file.ts";
import type { Settings } from "./settings.ts";
import type { Sheet } from "./sheet.ts";
import { STEPS } from "./steps.ts";
import { fitView } from "./view.ts";
import type { VolumeLabel } from "./volume-label.ts";
import type { ModelFacts } from "./worker-messages.ts";

/** Candidates of the model beside a mask that is carried over. */
const BESIDE = 3;
/** Slices doubted less than this are not worth going to. */
const DOUBTFUL = 0.05;

/** The volume that is open, and the slice and the label that are worked on. */
export interface Slicing {
  readonly opened: OpenImage;
  readonly volume: OpenVolume;
  readonly plane: Plane;
  /** From 0 */
  readonly slice: number;
  readonly work: VolumeLabel;
}

/** What of the page's state this needs. */
export interface SlicePorts {
  readonly asker: Asker;
  readonly settings: Settings;
  sheet(): Sheet | null;
  slicing(): Slicing | null;
  /** What changes of the label that is worked on name. */
  label(): number;
  labels(): readonly Label[];
  look(): Look;
  setLook(look: Look): void;
  isReadOnly(): boolean;
  offer(): Offer | null;
  act(action: Action): void;
  closeOffer(): void;
  present(offer: Offer, opened: OpenImage): void;
  know(facts: ModelFacts): void;
  announce(text: string): void;
  setMessage(message: Message | null): void;
  insideOn(opened: OpenImage): number;
  /** For the next question. */
  seed(): number;
  /** Another slice is worked on. */
  changed(): void;
}

export function createSliceWork(ports: SlicePorts) {
  const { asker, settings, sheet, slicing, look, setLook, isReadOnly, offer, act, closeOffer, present } = ports;
  const { label, labels, know, announce, setMessage, insideOn, changed } = ports;
  /** Which way the annotator went last from slice to slice. */
  let direction: 1 | -1 = 1;

  /** Looks at another voxel or plane of the volume. */
  function lookAt(next: Partial<Look>): void {
    const now = slicing();
    const before = sheet();
    if (!now || !before) return;
    const at = now.volume.clamp(next.at ?? look().at);
    const plane = next.plane ?? look().plane;
    const isOther = plane !== look().plane || now.volume.sliceAt(now.plane, at) !== now.slice;
    if (isOther) closeOffer();
    batch(() => {
      setLook({ at, plane });
      if (plane !== now.plane.name) settings.setView(fitView(sheet()!, settings.screen()));
    });
    if (!isOther) return;
    const { plane: shown, slice } = slicing()!;
    announce(`${shown.name} slice ${slice + 1} of ${shown.count}`);
    changed();
  }

  /** @param slice  of the plane that is worked on, from 0; beyond the ends is the end */
  function goToSlice(slice: number): void {
    const now = slicing();
    if (!now) return;
    const at: [number, number, number] = [...look().at];
    at[now.plane.axis] = slice;
    if (slice !== now.slice) direction = slice > now.slice ? 1 : -1;
    lookAt({ at });
  }

  /** Shows the slice of a change, which may be across another axis. */
  function goToPlace({ axis, index }: SlicePlace): void {
    const now = slicing();
    if (!now) return;
    const at: [number, number, number] = [...look().at];
    at[axis] = index;
    lookAt({ at, plane: now.volume.planeAcross(axis).name });
  }

  /** The crosshair follows the hand: it goes to where a stroke ends. */
  function moveCrosshair({ points }: Stroke): void {
    const now = slicing();
    if (now) lookAt({ at: voxelAt(now.plane, now.slice, points[points.length - 1]) });
  }

  /** Marks the slice as done and goes on to the next in the direction of the last step, with this one's mask on offer. */
  function finishSlice(): void {
    const now = slicing();
    if (!now) return;
    const { opened, plane, slice, work } = now;
    if (!isReadOnly() && !(work.marks(plane, opened.history.done)[slice] & DONE))
      act({
        ...{ kind: "done", slice: { axis: plane.axis, index: slice } },
        ...named(label()),
        ...{ delta: [], at: Date.now() },
      });
    const next = slice + direction;
    if (next < 0 || next >= plane.count) {
      setMessage({ tone: "note", text: `Slice ${slice + 1} is done. It is the ${next < 0 ? "first" : "last"} one.` });
      return;
    }
    setMessage(null);
    goToSlice(next);
    if (!isReadOnly() && insideOn(opened) === 0) void carry(slice);
  }

  /** Offers another slice's mask for this one, and then what the model makes of it here. */
  async function carry(from: number): Promise<void> {
    const now = slicing();
    const shown = sheet();
    if (!now || !shown) return;
    const { annotation, image } = shown;
    const mask = maskOf(now.work.on(now.plane, from));
    const carried = carriedCandidate(mask, annotation);
    if (!carried) return;
    const seed = ports.seed();
    const step = STEPS[settings.step()].share;
    const first: Offer = { model: null, carriedFrom: from, seed, step, features: false, candidates: [carried] };
    present(first, now.opened);
    const started = startedFrom(mask, annotation);
    // Without a model the mask is offered all the same.
    const answer = await asker
      .ask({ image, annotation: started, isTaken: false, count: BESIDE, seed, step })
      .catch(() => null);
    if (!answer || offer() !== first || answer.candidates.length === 0) return;
    if (answer.model) know(answer.model);
    const others = answer.candidates.map((candidate) => insideOnly(candidate, annotation));
    now.work.disagreed(shown.place!, disagreementOf([carried, ...others], annotation));
    present({ ...answer, carriedFrom: from, candidates: [carried, ...others] }, now.opened);
  }

  /** Fills the slices between the two nearest done ones. */
  function fill(): void {
    const now = slicing();
    if (!now || isReadOnly()) return;
    const { opened, volume, plane, slice, work } = now;
    const gap = gapNear(work.marks(plane, opened.history.done), slice);
    if (!gap) {
      tell("Finish two slices with others between them (Enter), then fill between those.");
      return;
    }
    const { from, to } = gap;
    const delta = fillDelta(work.annotation.data, volume.volume.size, plane, gap);
    if (!delta) {
      tell(`Nothing was filled: of slices ${from + 1} and ${to + 1} one is empty.`);
      return;
    }
    closeOffer();
    act({ kind: "fill", axis: plane.axis, from, to, ...named(label()), delta, at: Date.now() });
    if (slice <= from || slice >= to) goToSlice((from + to) >> 1);
    tell(`Filled slices ${from + 2} to ${to} from those at both ends. Look through them: the most doubtful is at J.`);
  }

  function goToDoubtful(): void {
    const now = slicing();
    if (!now) return;
    const doubts = now.work.doubts(now.plane, now.opened.history.done);
    doubts[now.slice] = 0;
    const most = doubts.indexOf(Math.max(...doubts));
    if (doubts[most] < DOUBTFUL) tell("No other slice is doubtful.");
    else {
      setMessage(null);
      goToSlice(most);
    }
  }

  function nextPlane(): void {
    const planes = slicing()?.volume.shownPlanes ?? [];
    lookAt({ plane: planes[(planes.indexOf(look().plane) + 1) % planes.length] });
  }

  function goToChange(change: Change): void {
    const now = slicing();
    if (!now) return;
    if (change.kind === "fill") {
      const isShown = now.plane.axis === change.axis && change.from < now.slice && now.slice < change.to;
      if (!isShown) goToPlace({ axis: change.axis, index: (change.from + change.to) >> 1 });
    } else if (change.slice) goToPlace(change.slice);
  }

  /** Area, volume and mean intensity of every slice of the plane that is worked on, label by label. */
  function saveStatistics(): void {
    const now = slicing();
    if (!now) return;
    const { volume, worked } = now.volume;
    const tallies = labels().map((label) => ({
      label,
      tally: worked.get(keyOf(labels(), label.value))?.tally ?? new Tally(volume),
    }));
    const text = statisticsCsv(tallies, now.plane);
    saveFile(new Blob([text], { type: "text/csv" }), `${now.opened.name.replace(/(\.nii)?\.[^.]+$/i, "")}_stats.csv`);
  }

  function tell(text: string): void {
    setMessage({ tone: "note", text });
    announce(text);
  }

  return {
    moveCrosshair,
    goToChange,
    actions: {
      lookAt,
      goToSlice,
      stepSlice(by: number) {
        const now = slicing();
        if (now) goToSlice(Math.min(now.plane.count - 1, Math.max(0, now.slice + by)));
      },
      finishSlice,
      fill,
      goToDoubtful,
      nextPlane,
      saveStatistics,
    },
  };
}
