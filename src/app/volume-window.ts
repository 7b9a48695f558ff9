/** Windows for a volume, by its modality: in CT those that every reader of it has, else by what the values are. */
import { CT_WINDOWS, type GrayScale, type IntensityWindow, type Volume } from "../image/index.ts";
import { ordered, type Preset, percentilesOf } from "./window-level.ts";

/** A file that does not say what it is counts as CT when it holds air and something as dense as bone, in whole Hounsfield units. */
const AIR = -900;
const BONE = 300;
const LIKELY_LEAST = -4096;
/** Values counted for percentiles. */
const COUNTED = 1 << 20;

/** @returns four presets in values of the volume's slices, and the one to begin with: the file's own where it has one */
export function volumePresets(volume: Volume, scale: GrayScale): { presets: readonly Preset[]; first: Preset } {
  const own = volume.windows.map((window) => inValues(window, scale));
  if (isCt(volume, scale)) {
    const presets = CT_WINDOWS.map((window) => inValues(window, scale));
    return { presets, first: own[0] ?? presets[0] };
  }
  const [low, middle, high] = percentilesOf(sampled(volume, scale), scale.maximum, [0.01, 0.5, 0.99]);
  const auto: Preset = { name: "auto 1–99 %", ...ordered(low, high, scale.maximum) };
  const byValues: Preset[] = [
    { name: "full range", low: 0, high: Math.max(1, scale.top) },
    auto,
    { name: "dark", ...ordered(low, middle, scale.maximum) },
    { name: "bright", ...ordered(middle, high, scale.maximum) },
  ];
  return { presets: [...own, ...byValues].slice(0, 4), first: own[0] ?? auto };
}

/** The unit of a volume's intensities, where there is one. */
export function unitOf(volume: Volume, scale: GrayScale): string {
  return isCt(volume, scale) ? " HU" : "";
}

function isCt({ modality }: Volume, { offset, step, top }: GrayScale): boolean {
  if (modality !== null) return modality === "CT";
  const most = offset + step * top;
  return step === 1 && offset <= AIR && offset >= LIKELY_LEAST && most >= BONE;
}

function inValues({ name, center, width }: IntensityWindow, { offset, step }: GrayScale): Preset {
  const low = (center - width / 2 - offset) / step;
  return { name, low, high: low + Math.max(width / step, 1) };
}

/** Values of voxels all through the volume. */
function sampled({ data }: Volume, { from, perLevel, maximum, top }: GrayScale): Uint16Array {
  // Odd, so that it does not always meet the same column.
  const stride = Math.floor(data.length / COUNTED) | 1;
  const values = new Uint16Array(Math.ceil(data.length / stride));
  for (let i = 0; i < values.length; i++)
    values[i] = Math.max(0, Math.min(top, maximum, Math.round((data[i * stride] - from) / perLevel)));
  return values;
}
