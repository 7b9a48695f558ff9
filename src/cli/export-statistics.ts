/** `--format csv`: what is inside each label of each image, in numbers. */
import { type LabelMap, type OutputFile, planesOf, type Volume } from "../image/index.ts";
import { type LabelTally, quoted, talliesOf } from "../project/index.ts";
import type { Annotated } from "./annotated.ts";

const COLUMNS = "image,label,name,voxels,volume_ml,slices,largest_area_mm2,mean_intensity";

export async function* statistics(images: AsyncIterable<Annotated>): AsyncGenerator<OutputFile> {
  const lines = [COLUMNS];
  for await (const { name, source, labels } of images) {
    const rows = "size" in source ? volumeRows(source, labels) : imageRows(source.data, labels);
    lines.push(...rows.map((row) => `${quoted(name)},${row}`));
  }
  yield { path: "statistics.csv", bytes: new TextEncoder().encode(`${lines.join("\n")}\n`) };
}

/** Slices and areas are axial. */
function volumeRows(volume: Volume, labels: LabelMap): string[] {
  const { axis, pixelArea } = planesOf(volume).axial;
  return talliesOf(labels, volume).map(({ label, tally }) => {
    const areas = tally.areas[axis].filter((area) => area > 0);
    const largest = areas.reduce((most, area) => Math.max(most, area), 0);
    const millilitres = (tally.inside * tally.voxelVolume).toFixed(6);
    return rowOf({ label, tally }, [millilitres, `${areas.length}`, (largest * pixelArea).toFixed(4)]);
  });
}

/** An image does not say how large its pixels are. */
function imageRows(data: Uint8Array | Uint16Array, labels: LabelMap): string[] {
  const toWorld = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] as const;
  const flat = { size: labels.size, data, slope: 1, intercept: 0, toWorld };
  return talliesOf(labels, flat).map((one) => rowOf(one, ["", "", ""]));
}

function rowOf({ label, tally }: LabelTally, measures: readonly string[]): string {
  const mean = tally.mean(0)?.toFixed(4) ?? "";
  return [label.value, quoted(label.name), tally.inside, ...measures, mean].join(",");
}
