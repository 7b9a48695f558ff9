/**
 * sRGB to the CIELab of a segment's RecommendedDisplayCIELabValue, and back.
 *
 * DICOM means the CIELab of ICC profiles (PS3.3, C.10.7.1.1), which is seen under D50. dcmjs and dcmqi take D65 for it, so that
 * saturated colours come out a little different there; the standard decides.
 */

/** sRGB (D65) to XYZ under D50, by Bradford's adaptation; numbers as B. Lindbloom gives them. */
const TO_XYZ = [
  [0.4360747, 0.3850649, 0.1430804],
  [0.2225045, 0.7168786, 0.0606169],
  [0.0139322, 0.0971045, 0.7141733],
] as const;
const TO_RGB = [
  [3.1338561, -1.6168667, -0.4906146],
  [-0.9787684, 1.9161415, 0.033454],
  [0.0719453, -0.2289914, 1.4052427],
] as const;
const WHITE = [0.96422, 1, 0.82521] as const;
/** CIE 15: where the cube root gives way to a line. */
const BEND = 6 / 29;

/**
 * @param color  "#rrggbb"
 * @returns      L* (0 to 100), a* and b* (-128 to 127), each spread over 0 to 65,535
 */
export function cielabOf(color: string): [number, number, number] {
  const linear = rgbOf(color).map((byte) => (byte <= 10 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4));
  const [x, y, z] = TO_XYZ.map((row, i) => {
    const t = (row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2]) / WHITE[i];
    return t > BEND ** 3 ? Math.cbrt(t) : t / (3 * BEND ** 2) + 4 / 29;
  });
  const lab = [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  const spread = (value: number, low: number, range: number) =>
    Math.round(Math.min(Math.max((value - low) / range, 0), 1) * 65_535);
  return [spread(lab[0], 0, 100), spread(lab[1], -128, 255), spread(lab[2], -128, 255)];
}

/** @param color  "#rrggbb" */
export function rgbOf(color: string): [number, number, number] {
  const byte = (at: number) => Number.parseInt(color.slice(at, at + 2), 16);
  return [byte(1), byte(3), byte(5)];
}

/** The nearest colour of sRGB, as "#rrggbb". */
export function colorOf(cielab: readonly number[]): string {
  const [l, a, b] = [(cielab[0] / 65_535) * 100, (cielab[1] / 65_535) * 255 - 128, (cielab[2] / 65_535) * 255 - 128];
  const y = (l + 16) / 116;
  const xyz = [y + a / 500, y, y - b / 200].map(
    (t, i) => WHITE[i] * (t > BEND ? t ** 3 : 3 * BEND ** 2 * (t - 4 / 29)),
  );
  const bytes = TO_RGB.map((row) => {
    const linear = Math.min(Math.max(row[0] * xyz[0] + row[1] * xyz[1] + row[2] * xyz[2], 0), 1);
    return Math.round(255 * (linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055));
  });
  return `#${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
