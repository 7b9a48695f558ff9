/** A label map as 3D Slicer's `.seg.nrrd`: an NRRD volume whose pairs "key:=value" give each segment its name, value, colour and extent. */
import { gzipSync } from "fflate";
import { channelsOf, type LabelMap, oneLine, requireSound } from "./labels.ts";
import type { Affine } from "./volume.ts";

/** Of an image without a place: i to the patient's left, j to the back, k to the head, 1 mm apart, as readers take it. */
export const NO_PLACE: Affine = [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0];

/** @throws {UsageError} when the map is not sound */
export function encodeSegNrrd(map: LabelMap, toWorld: Affine = NO_PLACE): Uint8Array {
  requireSound(map);
  const { size, data } = map;
  const isWide = data instanceof Uint16Array;
  // RAS to LPS; adding 0 makes -0 a 0.
  const vector = (column: number) =>
    `(${[-toWorld[column] + 0, -toWorld[4 + column] + 0, toWorld[8 + column] + 0].join(",")})`;
  const lines = [
    "NRRD0004",
    `type: ${isWide ? "unsigned short" : "unsigned char"}`,
    "dimension: 3",
    "space: left-posterior-superior",
    `sizes: ${size.join(" ")}`,
    `space directions: ${vector(0)} ${vector(1)} ${vector(2)}`,
    "kinds: domain domain domain",
    ...(isWide ? ["endian: little"] : []),
    "encoding: gzip",
    `space origin: ${vector(3)}`,
    ...segmentLines(map),
    "Segmentation_ContainedRepresentationNames:=Binary labelmap|",
    "Segmentation_MasterRepresentation:=Binary labelmap",
    "Segmentation_ReferenceImageExtentOffset:=0 0 0",
  ];
  const header = new TextEncoder().encode(`${lines.join("\n")}\n\n`);
  // Without a time: the same map gives the same bytes.
  const packed = gzipSync(isWide ? littleEndian(data) : data, { mtime: 0 });
  const bytes = new Uint8Array(header.length + packed.length);
  bytes.set(header);
  bytes.set(packed, header.length);
  return bytes;
}

function segmentLines(map: LabelMap): string[] {
  const extents = extentsOf(map);
  return map.labels.flatMap(({ value, name, color }, i) => [
    `Segment${i}_Color:=${channelsOf(color)
      .map((channel) => (channel / 255).toFixed(6))
      .join(" ")}`,
    `Segment${i}_Extent:=${extents.get(value)?.join(" ") ?? "0 -1 0 -1 0 -1"}`,
    `Segment${i}_ID:=Segment_${i + 1}`,
    `Segment${i}_LabelValue:=${value}`,
    `Segment${i}_Layer:=0`,
    `Segment${i}_Name:=${oneLine(name).replaceAll("\\", "\\\\")}`,
  ]);
}

/** First and last i, j and k of each value that occurs. */
function extentsOf({ size, data }: LabelMap): Map<number, number[]> {
  const extents = new Map<number, number[]>();
  const [width, height] = size;
  for (let at = 0; at < data.length; at++) {
    if (data[at] === 0) continue;
    const place = [at % width, Math.floor(at / width) % height, Math.floor(at / (width * height))];
    const extent = extents.get(data[at]);
    if (!extent)
      extents.set(
        data[at],
        place.flatMap((index) => [index, index]),
      );
    else
      place.forEach((index, axis) => {
        extent[2 * axis] = Math.min(extent[2 * axis], index);
        extent[2 * axis + 1] = Math.max(extent[2 * axis + 1], index);
      });
  }
  return extents;
}

function littleEndian(data: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(2 * data.length);
  const view = new DataView(bytes.buffer);
  data.forEach((value, i) => {
    view.setUint16(2 * i, value, true);
  });
  return bytes;
}
