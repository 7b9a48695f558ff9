/**
 * Where a NIfTI volume lies: its sform, a matrix; or its qform, a rotation as unit quaternion with spacing and offset; or, when both
 * codes are 0, spacing alone (methods 3, 2 and 1 of nifti1.h).
 */
import type { NiftiHeader } from "./nifti-header.ts";
import { type Affine, worldOf } from "./volume.ts";

type Size = readonly [number, number, number];

/** Millimetres of a unit, by the low three bits of xyzt_units; 0 says nothing and is taken as mm. */
const UNITS: Readonly<Record<number, number>> = { 0: 1, 1: 1000, 2: 1, 3: 0.001 };
/** As far as single precision goes: b^2 + c^2 + d^2 so near to 1 that the fourth part of the quaternion is 0. */
const ROUNDING = 3 * 2 ** -23;
/** Forms that put a corner this far apart, in voxels, disagree. */
const DISAGREEMENT = 0.1;
/** A voxel's edge in mm. Outside is damage, and would soon be infinite. */
const SPACINGS = { smallest: 1e-9, largest: 1e9 };
const FARTHEST = 1e12;

/** @throws {ImageFormatError} when the form that counts describes no volume */
export function placementOf(header: NiftiHeader, size: Size): { toWorld: Affine; notes: string[] } {
  const code = header.number("xyzt_units") & 7;
  const unit = UNITS[code] ?? 1;
  const notes = code in UNITS ? [] : [`Its unit of length has the code ${code}, which means nothing; mm are assumed.`];
  const qform = header.number("qform_code") > 0 ? qformOf(header, size, unit) : null;
  if (header.number("sform_code") > 0) {
    const sform = sformOf(header, unit);
    if (!isSound(sform)) throw header.refuse("bad-header", "srow_x", 0, unsound("sform (srow_x, srow_y, srow_z)"));
    if (qform) notes.push(...disagreement(sform, qform, size));
    return { toWorld: sform, notes };
  }
  if (qform) {
    if (!isSound(qform))
      throw header.refuse(
        "bad-header",
        "quatern_b",
        0,
        unsound("qform (quatern_b to qoffset_z, pixdim[0] to pixdim[3])"),
      );
    return { toWorld: qform, notes };
  }
  const [x, y, z] = [1, 2, 3].map((axis) => Math.abs(header.number("pixdim", axis)) * unit);
  const spacing = [x, y, z].map((length) => (isLength(length) ? length : 1));
  notes.push("The file does not say where it lies in the patient: left, front and head are not known.");
  if (![x, y, z].every((length, axis) => isLength(length) || size[axis] === 1))
    notes.push("The file does not say how large its voxels are: 1 mm is assumed.");
  return { toWorld: [spacing[0], 0, 0, 0, 0, spacing[1], 0, 0, 0, 0, spacing[2], 0], notes };
}

function unsound(form: string): string {
  return `its ${form} places no volume. The header is damaged. Export the volume again, or print every field with "tendril inspect".`;
}

function disagreement(sform: Affine, qform: Affine, size: Size): string[] {
  if (!isSound(qform)) return ["Its qform places no volume; its sform is used."];
  const smallest = Math.min(...[0, 1, 2].map((axis) => lengthOf(sform, axis)));
  const apart = cornersOf(size).map((corner) => {
    const [a, b] = [worldOf(sform, corner), worldOf(qform, corner)];
    return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
  });
  const most = Math.max(...apart);
  if (most <= DISAGREEMENT * smallest) return [];
  return [`Its two placements differ by up to ${Number(most.toPrecision(3))} mm; its sform is used, not its qform.`];
}

function cornersOf(size: Size): Size[] {
  const [x, y, z] = size.map((count) => [0, count - 1]);
  return x.flatMap((i) => y.flatMap((j) => z.map((k): Size => [i, j, k])));
}

function sformOf(header: NiftiHeader, unit: number): Affine {
  const rows = ["srow_x", "srow_y", "srow_z"].flatMap((name) => header.numbers(name));
  return rows.map((value) => value * unit) as unknown as Affine;
}

function qformOf(header: NiftiHeader, size: Size, unit: number): Affine {
  const pixdim = header.numbers("pixdim");
  // 0 stands for 1; other values nifti1.h and nibabel take differently.
  const handedness = pixdim[0] === 0 ? 1 : Math.abs(pixdim[0]) === 1 ? pixdim[0] : Number.NaN;
  const step = size.map((count, axis) => {
    const length = pixdim[axis + 1];
    // An image has no third spacing, and writers leave it 0.
    return unit * (length === 0 && count === 1 ? 1 : length > 0 ? length : Number.NaN);
  });
  const rotation = rotationOf(header.number("quatern_b"), header.number("quatern_c"), header.number("quatern_d"));
  return ["qoffset_x", "qoffset_y", "qoffset_z"].flatMap((name, row) => [
    rotation[3 * row] * step[0],
    rotation[3 * row + 1] * step[1],
    rotation[3 * row + 2] * step[2] * handedness,
    header.number(name) * unit,
  ]) as unknown as Affine;
}

/** @returns 3 x 3, row-major, of the unit quaternion (a, b, c, d) with a >= 0; of NaN when there is none */
function rotationOf(b: number, c: number, d: number): number[] {
  const rest = 1 - (b * b + c * c + d * d);
  if (rest < -ROUNDING) return Array<number>(9).fill(Number.NaN);
  const a = rest <= ROUNDING ? 0 : Math.sqrt(rest);
  return [
    a * a + b * b - c * c - d * d,
    2 * (b * c - a * d),
    2 * (b * d + a * c),
    2 * (b * c + a * d),
    a * a + c * c - b * b - d * d,
    2 * (c * d - a * b),
    2 * (b * d - a * c),
    2 * (c * d + a * b),
    a * a + d * d - b * b - c * c,
  ];
}

/** Finite, of believable size, and no two axes along one line. */
function isSound(affine: Affine): boolean {
  const lengths = [0, 1, 2].map((axis) => lengthOf(affine, axis));
  if (!lengths.every(isLength) || ![3, 7, 11].every((at) => Math.abs(affine[at]) <= FARTHEST)) return false;
  const unit = (row: number, axis: number) => affine[4 * row + axis] / lengths[axis];
  const minor = (a: number, b: number) => unit(1, a) * unit(2, b) - unit(2, a) * unit(1, b);
  const volume = unit(0, 0) * minor(1, 2) - unit(0, 1) * minor(0, 2) + unit(0, 2) * minor(0, 1);
  return Math.abs(volume) > 1e-6;
}

function lengthOf(affine: Affine, axis: number): number {
  return Math.hypot(affine[axis], affine[4 + axis], affine[8 + axis]);
}

function isLength(length: number): boolean {
  return length >= SPACINGS.smallest && length <= SPACINGS.largest;
}

/** How far from 1 and 0 the products of a rotation's columns may be: what single precision leaves. */
const ORTHOGONAL = 1e-5;

/**
 * The rotation of a matrix for a qform: what `rotationOf` takes, and -1 when the third axis is mirrored.
 *
 * @returns null when two axes are not at right angles
 */
export function quaternionOf(toWorld: Affine): { b: number; c: number; d: number; handedness: 1 | -1 } | null {
  const column = (axis: number) => [0, 4, 8].map((row) => toWorld[row + axis] / lengthOf(toWorld, axis));
  const [x, y, z] = [column(0), column(1), column(2)];
  if ([dot(x, y), dot(x, z), dot(y, z)].some((product) => Math.abs(product) > ORTHOGONAL)) return null;
  const across = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
  const handedness = dot(across, z) < 0 ? -1 : 1;
  const [p, q, r] = z.map((value) => value * handedness);
  // The four squares times 4; dividing by the largest keeps the others exact.
  const squares = [1 + x[0] + y[1] + r, 1 + x[0] - y[1] - r, 1 - x[0] + y[1] - r, 1 - x[0] - y[1] + r];
  const largest = squares.indexOf(Math.max(...squares));
  const quaternion = [
    [squares[0], y[2] - q, p - x[2], x[1] - y[0]],
    [y[2] - q, squares[1], x[1] + y[0], p + x[2]],
    [p - x[2], x[1] + y[0], squares[2], y[2] + q],
    [x[1] - y[0], p + x[2], y[2] + q, squares[3]],
  ][largest].map((value) => value / (2 * Math.sqrt(squares[largest])));
  // A file holds b, c and d; the first is then taken to be positive.
  const [b, c, d] = quaternion.slice(1).map((value) => (quaternion[0] < 0 ? -value : value));
  return { b, c, d, handedness };
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
