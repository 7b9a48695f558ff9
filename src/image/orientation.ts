/** Which way a volume's axes run in the patient. */
import { type Affine, spacingOf } from "./volume.ts";

/** Towards the smaller and the larger world coordinate: left and right, back and front, foot and head. */
const ENDS = ["LR", "PA", "IS"];
/** Below this an axis counts as straight: rounding, not a tilt. */
const STRAIGHT_DEGREES = 0.1;

export interface Orientation {
  /** The ends that i, j and k run towards: "RAS", "LPI" */
  readonly letters: string;
  /** Largest angle between an axis of the volume and the patient's axis that it follows most */
  readonly tiltDegrees: number;
  readonly isOblique: boolean;
}

/**
 * Each axis gets the patient's axis that it follows most and that no clearer one has taken. Near 45 degrees nibabel may say otherwise: it
 * lets i choose before j and k.
 */
export function orientationOf(toWorld: Affine): Orientation {
  const spacing = spacingOf({ toWorld });
  const pairs = [0, 1, 2].flatMap((axis) =>
    [0, 1, 2].map((world) => ({ axis, world, cosine: toWorld[4 * world + axis] / spacing[axis] })),
  );
  pairs.sort((a, b) => Math.abs(b.cosine) - Math.abs(a.cosine));
  const letters = ["", "", ""];
  const taken = new Set<number>();
  let tilt = 0;
  for (const { axis, world, cosine } of pairs) {
    if (letters[axis] || taken.has(world)) continue;
    letters[axis] = ENDS[world][cosine < 0 ? 0 : 1];
    taken.add(world);
    tilt = Math.max(tilt, Math.acos(Math.min(1, Math.abs(cosine))));
  }
  const tiltDegrees = (tilt * 180) / Math.PI;
  return { letters: letters.join(""), tiltDegrees, isOblique: tiltDegrees > STRAIGHT_DEGREES };
}
