/**
 * A method without a model for tests: inside is what lies near the inside strokes in place and intensity, nearer than the outside ones.
 * Run as a program, with the pen as its argument, it talks to the peers' harness, with the very code of `tendril speak`. Needs the commands built.
 */
import { createInterface } from "node:readline";
import { distanceTo } from "../../dist/src/core/index.js";
import { handMarks, peerTalk } from "../../dist/src/evaluate/index.js";

/** Pixels of distance that the whole range of intensities is worth. */
const CONTRAST = 60;
/** Distances within which the candidates are inside, in pixels; the first is what is shown. */
const REACHES = [8, 16, 28, 48];

export const toyMethod = (pen) => ({
  opening: "stroke",
  pen,
  async open(image, valid) {
    return {
      async candidates(prompts, _current, count) {
        const marks = handMarks(prompts, image);
        const inside = marks.segmentation;
        const outside = marks.partialness.map((value, i) => value & (1 - inside[i]));
        const [near, far] = [inside, outside].map((mask) => remoteness(mask, image));
        return REACHES.slice(0, count).map((reach) => {
          const shown = valid.map((value, i) =>
            Number(value && (inside[i] || (!outside[i] && near[i] < Math.min(far[i], reach)))),
          );
          return { width: image.width, height: image.height, partialness: valid.slice(), segmentation: shown, shown };
        });
      },
    };
  },
});

/** How far each pixel is from a mask in place, and from its mean in intensity. */
function remoteness(mask, image) {
  const away = distanceTo(mask, image);
  let [sum, count] = [0, 0];
  for (const [i, value] of mask.entries()) [sum, count] = [sum + value * image.data[i], count + value];
  return away.map(
    (distance, i) => distance + (CONTRAST * Math.abs(image.data[i] - sum / Math.max(1, count))) / image.maximum,
  );
}

if (process.argv[1] === import.meta.filename) {
  const talk = peerTalk(toyMethod(process.argv[2]), { name: "toy" });
  for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${await talk(line)}\n`);
}
