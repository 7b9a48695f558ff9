import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Image, UsageError } from "../../src/core/index.ts";
import { compressRuns, expandRuns, runsOf } from "../../src/image/coco-runs.ts";
import { decodeImage } from "../../src/image/decode.ts";
import { ImageFormatError } from "../../src/image/index.ts";
import type { Label, LabelMap, OutputFile } from "../../src/image/labels.ts";
import { bidsDerivative } from "../../src/image/labels-bids.ts";
import { encodeCoco } from "../../src/image/labels-coco.ts";
import { nnunetDataset, PNG_CASES } from "../../src/image/labels-nnunet.ts";
import { encodeSegNrrd } from "../../src/image/labels-nrrd.ts";
import { labelMapOf, type MaskTarget, readLabelMap } from "../../src/image/labels-read.ts";
import { decodeNrrd } from "../../src/image/nrrd.ts";
import type { Affine, Volume } from "../../src/image/volume.ts";
import { encodeLabels } from "../../src/image/write-png.ts";
import { fixture, fixtureJson } from "./flat.ts";
import { png } from "./png.ts";

const LIVER: Label = { value: 1, name: "liver", color: "#dd8265" };
const TUMOUR: Label = { value: 3, name: "tumour, large", color: "#00ff80" };
const PLACE: Affine = [0.5, 0, 0.1, -20, 0, -0.75, 0, 30.5, 0.2, 0, 2.5, 400.125];

/** Liver and tumour on a grid, at random, each at least once where there is room. */
function labelMaps(depths: { min: number; max: number }): fc.Arbitrary<LabelMap> {
  const size = fc.tuple(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 1, max: 20 }), fc.integer(depths));
  return size.chain(([i, j, k]) =>
    fc
      .array(fc.constantFrom(0, 0, 0, 1, 1, 3), { minLength: i * j * k, maxLength: i * j * k })
      .map((values) => ({ size: [i, j, k], data: Uint8Array.from(values), labels: [LIVER, TUMOUR] })),
  );
}
const flatMaps = labelMaps({ min: 1, max: 1 });

function parsed(bytes: Uint8Array) {
  return JSON.parse(new TextDecoder().decode(bytes));
}

function target(size: LabelMap["size"], toWorld: Affine | null = null): MaskTarget {
  return { name: "case_7.png", size, toWorld };
}

function refusal(read: () => unknown): ImageFormatError {
  try {
    read();
  } catch (error) {
    if (error instanceof ImageFormatError) return error;
    throw error;
  }
  throw new Error("was not refused");
}

describe("COCO", () => {
  interface Golden {
    readonly size: [number, number];
    readonly rows: readonly string[];
    readonly counts: readonly number[];
    readonly compressed: string;
    readonly area: number;
    readonly bbox: readonly number[] | null;
  }

  test.each(fixtureJson<Golden[]>("coco.json").map((golden) => [golden.size.join(" x "), golden] as const))(
    "runs, text, area and box of a mask of %s are those of a program that goes pixel by pixel",
    (_, { size: [height, width], rows, counts, compressed, area, bbox }) => {
      const data = Uint8Array.from(rows.join(""), Number);
      expect(runsOf(data, { width, height }, 1)).toEqual(counts);
      expect(compressRuns(counts)).toBe(compressed);
      expect(expandRuns(compressed)).toEqual(counts);
      const coco = parsed(encodeCoco([{ name: "a.png", labels: { size: [width, height, 1], data, labels: [LIVER] } }]));
      expect(coco.annotations).toEqual(
        bbox === null
          ? []
          : [
              {
                id: 1,
                image_id: 1,
                category_id: 1,
                segmentation: { size: [height, width], counts: compressed },
                area,
                bbox,
                iscrowd: 0,
              },
            ],
      );
    },
  );

  test("any runs survive the text, and no text is read as something that it does not say", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2 ** 26)), (runs) => {
        expect(expandRuns(compressRuns(runs))).toEqual(runs);
      }),
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), (text) => {
        const runs = expandRuns(text);
        if (runs?.every((run) => run >= 0)) expect(expandRuns(compressRuns(runs))).toEqual(runs);
      }),
    );
  });

  test("label maps of several images are read back as they were, as text or as numbers", () => {
    fc.assert(
      fc.property(fc.array(flatMaps, { minLength: 1, maxLength: 3 }), fc.boolean(), (maps, isCompressed) => {
        const bytes = encodeCoco(
          maps.map((labels, i) => ({ name: `case_${i}.png`, labels })),
          isCompressed,
        );
        expect(parsed(bytes).categories).toEqual([
          { id: 1, name: "liver" },
          { id: 3, name: "tumour, large" },
        ]);
        maps.forEach(({ size, data }, i) => {
          const read = readLabelMap(bytes, "all.json", { name: `case_${i}.png`, size, toWorld: null });
          expect(read.data).toEqual(data);
          expect(read.labels.map(({ name }) => name)).toEqual(["liver", "tumour, large"]);
        });
      }),
      { numRuns: 50 },
    );
  });

  const file = (changes: object) => ({
    images: [{ id: 5, file_name: "folder/case_7.png", width: 3, height: 2 }],
    categories: [
      { id: 0, name: "a" },
      { id: 90, name: "b" },
    ],
    annotations: [{ image_id: 5, category_id: 90, segmentation: { size: [2, 3], counts: [1, 2, 3] } }],
    ...changes,
  });
  const read = (value: unknown) =>
    readLabelMap(new TextEncoder().encode(JSON.stringify(value)), "all.json", target([3, 2, 1]));

  test("categories that cannot be values are numbered in their order", () => {
    const { data, labels } = read(file({}));
    expect([...data]).toEqual([0, 2, 0, 2, 0, 0]);
    expect(labels.map(({ value, name }) => [value, name])).toEqual([
      [1, "a"],
      [2, "b"],
    ]);
  });

  const objects = (...annotations: readonly object[]) =>
    file({ annotations: annotations.map((one) => ({ image_id: 5, category_id: 90, ...one })) });
  test.each([
    ["polygons", objects({ segmentation: [[1, 2, 3, 4]] }), "unsupported", /polygons/],
    ["too few pixels", objects({ segmentation: { size: [2, 3], counts: [1, 2] } }), "damaged", /do not make 6 pixels/],
    ["runs of another size", objects({ segmentation: { size: [3, 2], counts: [1, 5] } }), "damaged", /not its image's/],
    [
      "a text that is none",
      objects({ segmentation: { size: [2, 3], counts: "\u0001" } }),
      "damaged",
      /not its image's/,
    ],
    [
      "an unknown category",
      objects({ category_id: 7, segmentation: { size: [2, 3], counts: [6] } }),
      "damaged",
      /category 7/,
    ],
    [
      "two labels on a pixel",
      objects(
        { segmentation: { size: [2, 3], counts: [1, 2, 3] } },
        { category_id: 0, segmentation: { size: [2, 3], counts: [2, 2, 2] } },
      ),
      "unsupported",
      /two labels at pixel \(1, 0\)/,
    ],
    [
      "objects without end",
      objects(...Array.from({ length: 40 }, () => ({ segmentation: { size: [2, 3], counts: [0, 6] } }))),
      "too-large",
      /more than 16 times/,
    ],
    [
      "another size",
      file({ images: [{ id: 5, file_name: "a.png", width: 3, height: 3 }] }),
      "other-grid",
      /3×3 against 3×2\. Not loaded; nothing changed\./,
    ],
    [
      "other images",
      file({ images: ["a", "b"].map((name, id) => ({ id, file_name: name, width: 3, height: 2 })) }),
      "unsupported",
      /none of them is case_7.png/,
    ],
    ["no images", file({ images: undefined }), "bad-header", /images/],
  ])("%s is refused", (_, value, code, message) => {
    const error = refusal(() => read(value));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  });
});

describe("a volume's labels", () => {
  test("written as .seg.nrrd are read back with their place, names, values and colours", () => {
    fc.assert(
      fc.property(labelMaps({ min: 1, max: 5 }), fc.boolean(), (map, isWide) => {
        const data = isWide ? Uint16Array.from(map.data, (value) => (value === 3 ? 300 : value)) : map.data;
        const labels = isWide ? [LIVER, { ...TUMOUR, value: 300 }] : map.labels;
        const bytes = encodeSegNrrd({ ...map, data, labels }, PLACE);
        expect(readLabelMap(bytes, "a.seg.nrrd", target(map.size, PLACE))).toEqual({ size: map.size, data, labels });
      }),
      { numRuns: 100 },
    );
  });

  test("have in .seg.nrrd the fields that Slicer reads, and the same bytes each time", () => {
    const map: LabelMap = {
      size: [3, 2, 2],
      data: Uint8Array.from([0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0]),
      labels: [LIVER, TUMOUR],
    };
    const bytes = encodeSegNrrd(map, PLACE);
    const header = new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0x1f)));
    expect(header).toBe(
      [
        "NRRD0004",
        "type: unsigned char",
        "dimension: 3",
        "space: left-posterior-superior",
        "sizes: 3 2 2",
        "space directions: (-0.5,0,0.2) (0,0.75,0) (-0.1,0,2.5)",
        "kinds: domain domain domain",
        "encoding: gzip",
        "space origin: (20,-30.5,400.125)",
        "Segment0_Color:=0.866667 0.509804 0.396078",
        "Segment0_Extent:=1 2 0 0 0 1",
        "Segment0_ID:=Segment_1",
        "Segment0_LabelValue:=1",
        "Segment0_Layer:=0",
        "Segment0_Name:=liver",
        "Segment1_Color:=0.000000 1.000000 0.501961",
        "Segment1_Extent:=0 -1 0 -1 0 -1",
        "Segment1_ID:=Segment_2",
        "Segment1_LabelValue:=3",
        "Segment1_Layer:=0",
        "Segment1_Name:=tumour, large",
        "Segmentation_ContainedRepresentationNames:=Binary labelmap|",
        "Segmentation_MasterRepresentation:=Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset:=0 0 0",
        "",
        "",
      ].join("\n"),
    );
    expect(new Uint8Array(gunzipSync(bytes.subarray(header.length)))).toEqual(map.data);
    expect(encodeSegNrrd(map, PLACE)).toEqual(bytes);
  });

  test("a name of any characters stays one line and comes back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }), (text) => {
        fc.pre(text.trim() !== "" && !/[\p{Cc}\u2028\u2029\ufeff]/u.test(text) && text === text.trim());
        const bytes = encodeSegNrrd({ size: [1, 1, 1], data: Uint8Array.of(1), labels: [{ ...LIVER, name: text }] });
        expect(readLabelMap(bytes, "a.nrrd", target([1, 1, 1])).labels[0].name).toBe(text);
      }),
    );
    const bytes = encodeSegNrrd({
      size: [1, 1, 1],
      data: Uint8Array.of(1),
      labels: [{ ...LIVER, name: "a\nb:=c\\n" }],
    });
    expect(readLabelMap(bytes, "a.nrrd", target([1, 1, 1])).labels[0].name).toBe("a b:=c\\n");
  });
});

describe("an imported mask", () => {
  const whole = (data: Volume["data"], changes: Partial<Volume> = {}): Volume => ({
    ...{ size: [2, 1, 1], data, slope: 1, intercept: 0, toWorld: PLACE, modality: null, windows: [], notes: [] },
    ...{ origin: { kind: "other" }, ...changes },
  });

  test("as PNG has the pixels' values, also of a palette and of single bits", () => {
    const map = { data: Uint16Array.of(0, 1, 700, 1), width: 2, height: 2 };
    expect(readLabelMap(encodeLabels(map.data, map), "m.png", target([2, 2, 1])).data).toEqual(map.data);
    const palette = png({
      width: 2,
      height: 1,
      colorType: 3,
      palette: Uint8Array.of(0, 0, 0, 255, 0, 0),
      filtered: Uint8Array.of(0, 0, 1),
    });
    expect([...readLabelMap(palette, "m.png", target([2, 1, 1])).data]).toEqual([0, 1]);
    const bits = png({ width: 2, height: 1, depth: 1, filtered: Uint8Array.of(0, 0b01000000) });
    expect([...readLabelMap(bits, "m.png", target([2, 1, 1])).data]).toEqual([0, 1]);
    const color = png({ width: 1, height: 1, colorType: 2, filtered: new Uint8Array(4) });
    expect(refusal(() => readLabelMap(color, "m.png", target([1, 1, 1]))).message).toMatch(/has colors/);
  });

  test("of another size is refused with both sizes", () => {
    const mask = { data: new Uint8Array(12), width: 4, height: 3 };
    const error = refusal(() => readLabelMap(encodeLabels(mask.data, mask), "case_7_seg.png", target([3, 4, 1])));
    expect(error).toMatchObject({
      code: "other-grid",
      message: "case_7_seg.png doesn't lie on case_7.png. 4×3 against 3×4. Not loaded; nothing changed.",
    });
    const volume = refusal(() => labelMapOf(whole(new Uint8Array(2)), "a.nii.gz", target([1, 1, 2], PLACE)));
    expect(volume.message).toMatch(/2×1×1 against 1×1×2\. Not loaded/);
  });

  test("elsewhere is refused beyond a thousandth of a mm, in each of the twelve numbers", () => {
    for (let i = 0; i < 12; i++)
      for (const [step, lies] of [
        [0.0009, true],
        [0.0011, false],
        [-0.0011, false],
        [Number.NaN, false],
      ] as const) {
        const moved = PLACE.map((value, place) => value + (place === i ? step : 0)) as unknown as Affine;
        const read = () => labelMapOf(whole(new Uint8Array(2)), "a.nii.gz", target([2, 1, 1], moved));
        if (lies) expect(read().data).toEqual(new Uint8Array(2));
        else expect(refusal(read)).toMatchObject({ code: "other-grid" });
      }
    const far = refusal(() =>
      labelMapOf(whole(new Uint8Array(2)), "a.nii.gz", target([2, 1, 1], PLACE.with(3, 0) as unknown as Affine)),
    );
    expect(far.message).toBe(
      "a.nii.gz doesn't lie on case_7.png. Their corners lie up to 20.0 mm apart. Not loaded; nothing changed.",
    );
  });

  test("with values that are no labels is refused with the first one", () => {
    const on = target([2, 1, 1], PLACE);
    expect(refusal(() => labelMapOf(whole(Float32Array.of(1, 0.5)), "a.nii", on)).message).toMatch(
      /holds 0.5 at voxel 1/,
    );
    expect(refusal(() => labelMapOf(whole(Int16Array.of(-1, 0)), "a.nii", on)).message).toMatch(/holds -1 at voxel 0/);
    expect(refusal(() => labelMapOf(whole(Float64Array.of(1, Number.NaN)), "a.nii", on)).code).toBe("unsupported");
    expect([...labelMapOf(whole(Float32Array.of(0, 4), { slope: 0.5 }), "a.nii", on).data]).toEqual([0, 2]);
  });

  test("of another kind of file is refused", () => {
    expect(refusal(() => readLabelMap(fixture("gray.jpg"), "m.jpg", target([1, 1, 1]))).message).toMatch(/no mask/);
    expect(refusal(() => readLabelMap(new Uint8Array(0), "m.png", target([1, 1, 1]))).code).toBe("unsupported");
  });
});

const image: Image = { width: 3, height: 2, data: Uint16Array.of(0, 1, 2, 30000, 4, 65535), maximum: 65535 };
const map: LabelMap = { size: [3, 2, 1], data: Uint8Array.of(0, 1, 1, 3, 3, 0), labels: [LIVER, TUMOUR] };
const byPath = (files: readonly OutputFile[]) => Object.fromEntries(files.map(({ path, bytes }) => [path, bytes]));

describe("nnU-Net", () => {
  test("gets images and labels of the same names, values from 1 without gaps, and a dataset.json of version 2", () => {
    const cases = ["scans/a b.png", "scans/c.2.png"].map((name) => ({ name, source: image, labels: map }));
    const files = byPath(nnunetDataset(cases, "image", PNG_CASES));
    expect(Object.keys(files)).toEqual([
      "dataset.json",
      ...["a-b", "c.2"].flatMap((name) => [`imagesTr/${name}_0000.png`, `labelsTr/${name}.png`]),
    ]);
    expect(parsed(files["dataset.json"])).toEqual({
      channel_names: { 0: "image" },
      labels: { background: 0, liver: 1, "tumour, large": 2 },
      numTraining: 2,
      file_ending: ".png",
    });
    expect(decodeImage(files["imagesTr/c.2_0000.png"], "a.png")).toEqual(image);
    expect([...decodeImage(files["labelsTr/c.2.png"], "a.png").data]).toEqual([0, 1, 1, 2, 2, 0]);
  });

  test("two cases of one name, and a label called background, are refused", () => {
    const twice = ["x/a.png", "y/a.png"].map((name) => ({ name, source: image, labels: map }));
    expect(() => nnunetDataset(twice, "image", PNG_CASES)).toThrow(/Two images would be case a\./);
    const labels = { ...map, labels: [{ ...LIVER, name: "background" }, TUMOUR] };
    expect(() => nnunetDataset([{ name: "a.png", source: image, labels }], "image", PNG_CASES)).toThrow(UsageError);
  });
});

test("BIDS derivatives keep the source's subject and session, and any other name becomes a subject", () => {
  const names = ["raw/sub-01/ses-b/anat/sub-01_ses-b_acq-x_T1w.nii.gz", "Case 7.nii.gz"];
  const encode = ({ data }: LabelMap) => Uint8Array.from(data);
  const files = byPath(
    bidsDerivative(
      names.map((name) => ({ name, source: image, labels: map })),
      encode,
    ),
  );
  expect(Object.keys(files)).toEqual([
    "dataset_description.json",
    "dseg.tsv",
    "sub-01/ses-b/anat/sub-01_ses-b_acq-x_dseg.nii.gz",
    "sub-01/ses-b/anat/sub-01_ses-b_acq-x_dseg.json",
    "sub-Case7/anat/sub-Case7_dseg.nii.gz",
    "sub-Case7/anat/sub-Case7_dseg.json",
  ]);
  expect(parsed(files["dataset_description.json"])).toMatchObject({
    DatasetType: "derivative",
    GeneratedBy: [{ Name: "Tendril" }],
    DatasetLinks: { raw: "../.." },
  });
  expect(new TextDecoder().decode(files["dseg.tsv"])).toBe(
    "index\tname\tcolor\n1\tliver\t#DD8265\n3\ttumour, large\t#00FF80\n",
  );
  expect(parsed(files["sub-01/ses-b/anat/sub-01_ses-b_acq-x_dseg.json"]).Sources).toEqual([
    "bids:raw:sub-01/ses-b/anat/sub-01_ses-b_acq-x_T1w.nii.gz",
  ]);
  const twice = ["Case 7.nii", "case/Case7.nii"].map((name) => ({ name, source: image, labels: map }));
  expect(() => bidsDerivative(twice, encode)).toThrow(/Two images would be sub-Case7/);
});

test("a map whose values have no label, whose size is not its own, or whose labels clash is not written", () => {
  const write = (labels: Partial<LabelMap>) => () => encodeCoco([{ name: "a.png", labels: { ...map, ...labels } }]);
  expect(write({ labels: [LIVER] })).toThrow(/holds 3, and no label/);
  expect(write({ size: [3, 3, 1] })).toThrow(/has 6 values, not 9/);
  expect(write({ size: [3, 1, 2] })).toThrow(/is a volume/);
  expect(write({ labels: [LIVER, { ...TUMOUR, name: "liver" }] })).toThrow(/Two labels have the name liver/);
  expect(write({ labels: [LIVER, { ...TUMOUR, color: "red" }] })).toThrow(/#rrggbb/);
  const other = { ...map, labels: [{ ...LIVER, name: "spleen" }, TUMOUR] };
  const both = [map, other].map((labels, i) => ({ name: `${i}.png`, labels }));
  expect(() => encodeCoco(both)).toThrow(/Label 1 is liver in one image and spleen in another/);
});

test.skipIf(!hasPillow())("a label map written as PNG has the same values for Pillow", () => {
  const folder = mkdtempSync(join(tmpdir(), "tendril-"));
  try {
    writeFileSync(join(folder, "m.png"), encodeLabels(Uint16Array.of(0, 1, 2, 65535), { width: 2, height: 2 }));
    const script = `import sys; from PIL import Image; print(list(Image.open(sys.argv[1]).getdata()))`;
    const read = execFileSync("/usr/bin/python3", ["-c", script, join(folder, "m.png")], { encoding: "utf8" });
    expect(JSON.parse(read)).toEqual([0, 1, 2, 65535]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function hasPillow(): boolean {
  try {
    execFileSync("/usr/bin/python3", ["-c", "import PIL"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test("keys of an NRRD file that are no segments name no labels", () => {
  expect(decodeNrrd(fixture("keys.nrrd"), "keys.nrrd").keys.get("Segment0_Name")).toBe("left\nlung \\ right");
});
