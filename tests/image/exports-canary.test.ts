/** P6: of everything that a source can carry, an export holds what docs/exports.md allows and nothing else. */
import { gunzipSync, gzipSync, inflateSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { type Image, Rng } from "../../src/core/index.ts";
import { decodeImage } from "../../src/image/decode.ts";
import { decodeJpeg } from "../../src/image/jpeg.ts";
import type { Label, LabelMap, OutputFile } from "../../src/image/labels.ts";
import { bidsDerivative } from "../../src/image/labels-bids.ts";
import { encodeCoco } from "../../src/image/labels-coco.ts";
import { type CaseEncoder, nnunetDataset, PNG_CASES } from "../../src/image/labels-nnunet.ts";
import { encodeSegNrrd } from "../../src/image/labels-nrrd.ts";
import { decodeNrrd } from "../../src/image/nrrd.ts";
import { decodeTiff } from "../../src/image/tiff.ts";
import type { Volume } from "../../src/image/volume.ts";
import { encodeImagePng, encodeLabels } from "../../src/image/write-png.ts";
import { fixture } from "./flat.ts";
import { png } from "./png.ts";

const rng = Rng.seeded(606);
const canaries = new Set<string>();

/** A text that is nowhere else, such as "CANARY7QXKZW". */
function canary(): string {
  const letters = Array.from({ length: 8 }, () => String.fromCharCode(65 + rng.below(26))).join("");
  canaries.add(`CANARY${letters}`);
  return `CANARY${letters}`;
}

/** Label names and the base names of files are what an export is about. */
const LABELS: readonly Label[] = [{ value: 1, name: "KEPTLABEL", color: "#e69f00" }];
const folders = Array.from({ length: 5 }, canary);
const FILE = `${folders.join("/")}\\${canary()}\\keptname`;

const size = [4, 3, 2] as const;
const map: LabelMap = { size, data: Uint8Array.from({ length: 24 }, (_, i) => i % 2), labels: LABELS };
const flat: LabelMap = { size: [4, 3, 1], data: map.data.subarray(0, 12), labels: LABELS };
const text = (value: string) => new TextEncoder().encode(value);

/** A volume with a canary in every text that it can carry, and in each text field of a NIfTI header (nifti1.h) and its extension. */
function loadedVolume(kind: "nifti" | "dicom"): Volume {
  const header = new Uint8Array(352 + 64);
  for (const [at, length] of [
    [4, 10],
    [14, 18],
    [148, 80],
    [228, 24],
    [328, 16],
    [360, 40],
  ] as const)
    header.set(text(canary().slice(0, length)), at);
  // Fields shorter than a canary hold a part of it, which is as unique.
  canaries.add([...canaries].at(-6)!.slice(0, 10));
  const dicom = Array.from({ length: 6 }, () => ({ file: text(canary()), sopInstanceUid: canary(), frame: null }));
  return {
    ...{ size, data: new Int16Array(24), slope: 1, intercept: 0, toWorld: [1, 0, 0, 5, 0, 1, 0, 6, 0, 0, 1, 7] },
    modality: canary(),
    windows: [{ name: canary(), center: 1, width: 2 }],
    notes: Array.from({ length: 5 }, canary),
    origin: kind === "nifti" ? { kind: "nifti", header, isCompressed: true } : { kind: "dicom", slices: dicom },
  };
}

/** The same grid as PNG, JPEG, TIFF and NRRD files with canaries in all their texts. */
async function loadedSources(): Promise<{ images: Image[]; volumes: Volume[] }> {
  const texts = ["tEXt", "iTXt", "eXIf", "iCCP", "tIME", "zTXt"].map(
    (type) => [type, text(`${canary()}\0${canary()}`)] as const,
  );
  const filtered = new Uint8Array(15);
  const jpeg = fixture("gray.jpg");
  const segment = (marker: number) => {
    const data = text(`Exif\0\0${canary()}`);
    return Buffer.concat([Buffer.of(0xff, marker, 0, data.length + 2), data]);
  };
  const commented = Buffer.concat([jpeg.subarray(0, 2), ...[0xe1, 0xe2, 0xed, 0xfe].map(segment), jpeg.subarray(2)]);
  // In the place of a line of ImageJ's description that nothing here reads.
  const tiff = Buffer.from(fixture("imagej-le.tif"));
  tiff.write(canary(), tiff.indexOf("hyperstack=true"), "latin1");
  const nrrd = Buffer.from(
    `NRRD0004\n# ${canary()}\ntype: uint8\ndimension: 3\nsizes: 4 3 2\nencoding: raw\ncontent: ${canary()}\nlabels: "${canary()}" "" ""\n` +
      `sample units: ${canary()}\n${Array.from({ length: 8 }, () => `${canary()}:=${canary()}\n`).join("")}\n${"\0".repeat(24)}`,
  );
  return {
    images: [
      decodeImage(png({ width: 4, height: 3, filtered, extra: texts }), "a.png"),
      await decodeJpeg(commented, "a.jpg"),
    ],
    volumes: [
      decodeNrrd(nrrd, "a.nrrd").volume,
      decodeTiff(tiff, "a.tif") as Volume,
      loadedVolume("nifti"),
      loadedVolume("dicom"),
    ],
  };
}

/** Stands for the encoder of NIfTI, which has a canary test of its own: the label map's values alone. */
const encodeNifti = (labels: LabelMap) => new Uint8Array(gzipSync(labels.data));
const NIFTI_CASES: CaseEncoder<Volume> = {
  ending: ".nii.gz",
  image: ({ data }) => new Uint8Array(gzipSync(new Uint8Array(data.buffer))),
  labels: encodeNifti,
};

let outputs: readonly (readonly [string, readonly OutputFile[]])[];

beforeAll(async () => {
  const { images, volumes } = await loadedSources();
  const whole = ({ width, height }: Image): LabelMap => ({
    size: [width, height, 1],
    data: new Uint8Array(width * height).fill(1),
    labels: LABELS,
  });
  const cases = volumes.map((source, i) => ({ name: `${FILE}${i}.nii.gz`, source, labels: map }));
  const pictures = images.map((source, i) => ({ name: `${FILE}${i}.png`, source, labels: whole(source) }));
  const one = (path: string, bytes: Uint8Array) => [{ path, bytes }];
  outputs = [
    ["PNG labels", pictures.flatMap(({ source, labels }) => one("a.png", encodeLabels(labels.data, source)))],
    ["PNG images", images.flatMap((image) => one("a.png", encodeImagePng(image)))],
    ["COCO, text", one("a.json", encodeCoco(pictures))],
    ["COCO, numbers", one("a.json", encodeCoco([{ name: `${FILE}.png`, labels: flat }], false))],
    ["nnU-Net, PNG", nnunetDataset(pictures, "image", PNG_CASES)],
    ["nnU-Net, NIfTI", nnunetDataset(cases, "CT", NIFTI_CASES)],
    ["BIDS", bidsDerivative(cases, encodeNifti)],
    [".seg.nrrd", volumes.flatMap(({ toWorld }) => one("a.seg.nrrd", encodeSegNrrd(map, toWorld)))],
  ];
});

/** The bytes as they are, and what is packed in them. */
function layers({ path, bytes }: OutputFile): Buffer[] {
  const file = Buffer.from(bytes);
  if (path.endsWith(".gz")) return [file, gunzipSync(file)];
  if (path.endsWith(".nrrd")) return [file, gunzipSync(file.subarray(file.indexOf("\x1f\x8b", 0, "latin1")))];
  if (!path.endsWith(".png")) return [file];
  const start = file.indexOf("IDAT") + 4;
  return [file, inflateSync(file.subarray(start, start + file.readUInt32BE(start - 8)))];
}

/** Base64 at each of the three places that a text can have in a longer one, without the characters that its neighbours share. */
function base64s(value: string): string[] {
  return [0, 1, 2].map((before) => {
    const coded = Buffer.from("\0".repeat(before) + value).toString("base64");
    return coded.slice(Math.ceil((before * 4) / 3), -4);
  });
}

function encodings(value: string): Buffer[] {
  const hex = Buffer.from(value).toString("hex");
  const texts = [value, value.toLowerCase(), hex, hex.toUpperCase(), ...base64s(value)];
  const utf16 = Buffer.from(value, "utf16le");
  return [...texts.map((one) => Buffer.from(one)), utf16, Buffer.from(utf16).swap16()];
}

describe("no export holds what its source carries beside pixels, place, label names and base name", () => {
  test("at least 50 canaries are planted", () => {
    expect(canaries.size).toBeGreaterThanOrEqual(50);
  });

  test("the search finds a canary however it is written", () => {
    const [first] = canaries;
    for (const written of encodings(first)) {
      const file = Buffer.concat([Buffer.from("xy"), written, Buffer.from("z")]);
      expect(found({ path: "a.json", bytes: file })).toEqual([first]);
    }
    for (const before of ["", "a", "ab"])
      expect(found({ path: "a", bytes: Buffer.from(Buffer.from(`${before}${first}abc`).toString("base64")) })).toEqual([
        first,
      ]);
    expect(found({ path: "a.nii.gz", bytes: gzipSync(first) })).toEqual([first]);
    expect(found({ path: first, bytes: new Uint8Array(0) })).toEqual([first]);
  });

  test("every format", () => {
    expect(
      outputs.flatMap(([format, files]) => files.flatMap((file) => found(file).map((one) => `${format}: ${one}`))),
    ).toEqual([]);
  });

  test("what is meant to be kept is there", () => {
    const all = outputs.flatMap(([, files]) => files.flatMap((file) => [Buffer.from(file.path), ...layers(file)]));
    for (const kept of ["KEPTLABEL", "keptname0"]) expect(all.some((bytes) => bytes.includes(kept))).toBe(true);
  });
});

function found(file: OutputFile): string[] {
  const all = [Buffer.from(file.path), ...layers(file)];
  return [...canaries].filter((one) => encodings(one).some((written) => all.some((bytes) => bytes.includes(written))));
}

describe("JSON exports have the fields of docs/exports.md and no others", () => {
  const ALLOWED: Readonly<Record<string, readonly string[]>> = {
    "COCO, text": [
      ..."images images.id images.file_name images.width images.height annotations annotations.id annotations.image_id".split(
        " ",
      ),
      ..."annotations.category_id annotations.segmentation annotations.segmentation.size".split(" "),
      ..."annotations.segmentation.counts annotations.area annotations.bbox annotations.iscrowd".split(" "),
      ..."categories categories.id categories.name".split(" "),
    ],
    "nnU-Net, PNG":
      "channel_names channel_names.0 labels labels.background labels.KEPTLABEL numTraining file_ending".split(" "),
    BIDS: [
      ..."Name BIDSVersion DatasetType GeneratedBy GeneratedBy.Name SourceDatasets SourceDatasets.URL".split(" "),
      ..."DatasetLinks DatasetLinks.raw Manual Sources".split(" "),
    ],
  };

  test.each(Object.keys(ALLOWED))("%s", (format) => {
    const [, files] = outputs.find(([name]) => name === format)!;
    const json = files.filter(({ path }) => path.endsWith(".json"));
    const names = new Set(json.flatMap(({ bytes }) => fieldsOf(JSON.parse(new TextDecoder().decode(bytes)))));
    expect([...names].sort()).toEqual([...ALLOWED[format]].sort());
  });

  function fieldsOf(value: unknown, at = ""): string[] {
    if (Array.isArray(value)) return value.flatMap((item) => fieldsOf(item, at));
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([name, item]) => [`${at}${name}`, ...fieldsOf(item, `${at}${name}.`)]);
  }
});

test("PNG exports have no chunks but those of the pixels", () => {
  for (const [, files] of outputs)
    for (const { path, bytes } of files.filter((file) => file.path.endsWith(".png"))) {
      const types = [];
      const file = Buffer.from(bytes);
      for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at))
        types.push(file.toString("latin1", at + 4, at + 8));
      expect([path, types.filter((type) => !["IHDR", "IDAT", "IEND"].includes(type))]).toEqual([path, []]);
    }
});
