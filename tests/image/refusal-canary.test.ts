/** P6 for refused files: whatever is broken in a file, the reason quotes none of its texts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeAny, ImageFormatError, type MaskTarget, readLabelMap } from "../../src/image/index.ts";
import { found, loadedJpeg, loadedNifti, loadedNrrd, loadedPng, loadedTiff, planter } from "./loaded.ts";
import { fixture, fixtures } from "./seg-source.ts";

const { planted }: { planted: Record<string, string> } = JSON.parse(
  readFileSync(join(fixtures, "expected.json"), "utf8"),
);
const texts: string[] = [];
const plant = planter(texts, "R");
const FILES: Readonly<Record<string, Uint8Array>> = {
  "a.nii": loadedNifti(plant),
  "b.png": loadedPng(plant),
  "c.tif": loadedTiff(plant),
  "d.jpg": loadedJpeg(plant),
  "e.nrrd": loadedNrrd(plant),
  "f.dcm": fixture("canary.dcm"),
};
const all = [...texts, ...Object.values(planted)];
const TARGET: MaskTarget = { name: "image.nii", size: [4, 3, 2], toWorld: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] };

/** All that an error says, its causes too. */
function saidBy(error: unknown): string {
  if (!(error instanceof ImageFormatError)) throw error;
  const { message, code, source, offset } = error;
  return `${code} ${source} ${offset} ${message}`;
}

/** What is said of the bytes as an image and as a mask, and the notes of what is not refused. */
async function sayings(bytes: Uint8Array, name: string): Promise<string> {
  const image = await decodeAny(bytes, name).then(
    (opened) => (opened.kind === "volume" ? opened.volume.notes.join(" ") : ""),
    saidBy,
  );
  try {
    return `${image} ${(readLabelMap(bytes, name, TARGET).notes ?? []).join(" ")}`;
  } catch (error) {
    return `${image} ${saidBy(error)}`;
  }
}

test.each(Object.keys(FILES))("%s, cut anywhere or with any byte changed", async (name) => {
  const file = FILES[name];
  expect(found([file], all).length).toBeGreaterThan(7);
  const broken = [
    ...Array.from(file, (_, end) => file.subarray(0, end)),
    ...[0x00, 0x20, 0x39, 0xff].flatMap((value) => Array.from(file, (_, at) => file.with(at, value))),
  ];
  const said = new Set<string>();
  // Of a larger file every third, so that each takes some seconds.
  for (let i = 0; i < broken.length; i += file.length > 2000 ? 3 : 1) said.add(await sayings(broken[i], name));
  expect(said.size).toBeGreaterThan(20);
  expect(found([Buffer.from([...said].join("\n"))], all)).toEqual([]);
});

test("an NRRD header whose fields hold other texts than they should", async () => {
  const fields: Readonly<Record<string, string>> = {
    ...{
      type: "uint8",
      dimension: "3",
      sizes: "4 3 2",
      encoding: "raw",
      endian: "little",
      kinds: "domain domain domain",
    },
    ...{ space: "left-posterior-superior", "space directions": "(1,0,0) (0,1,0) (0,0,1)", "space origin": "(0,0,0)" },
    ...{ "space units": '"mm" "mm" "mm"' },
  };
  for (const name of Object.keys(fields)) {
    const secret = plant();
    for (const text of [secret, `raw ${secret}`, `(${secret},0,0)`]) {
      const lines = Object.entries({ ...fields, [name]: text, ...(name === "endian" && { type: "short" }) });
      const header = `NRRD0004\n${lines.map(([field, value]) => `${field}: ${value}\n`).join("")}\n`;
      const said = await sayings(new Uint8Array(Buffer.from(`${header}${"\0".repeat(48)}`)), "a.nrrd");
      expect([name, said.length > 2, found([Buffer.from(said)], [secret])]).toEqual([name, true, []]);
    }
  }
  // What the format itself has words for is named.
  const said = await sayings(new Uint8Array(Buffer.from("NRRD0004\ntype: uint8\nencoding: bzip2\n\n")), "a.nrrd");
  expect(said).toMatch(/is encoded as bzip2/);
});

test.each([
  ["no JSON", (text: string) => `{ "images": ${text}`],
  ["unknown fields", (text: string) => `{ "${text}": 1, "images": [{ "${text}": "${text}" }] }`],
  [
    "values of another kind",
    (text: string) => `{ "images": [{ "id": "${text}", "file_name": 3 }], "annotations": [], "categories": [] }`,
  ],
  [
    "an image that is not there",
    (text: string) =>
      `{ "images": [{ "id": 1, "file_name": "${text}", "width": 1, "height": 1 }, { "id": 2, "file_name": "b", "width": 1, "height": 1 }], "annotations": [], "categories": [] }`,
  ],
])("COCO with %s", async (_, make) => {
  const secret = plant();
  const said = await sayings(new Uint8Array(Buffer.from(make(secret))), "a.json");
  expect(found([Buffer.from(said)], [secret])).toEqual([]);
});
