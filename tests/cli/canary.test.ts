/** P6 through the commands: nothing that a file says beside its pixels and place is in an export, the journal, or what is printed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { encodeLabels, encodeSegNrrd } from "../../src/image/index.ts";
import { ImageWork } from "../../src/project/index.ts";
import { canaries, contentOf } from "../image/canaries.ts";
import { found } from "../image/loaded.ts";
import { folder } from "../project/made.ts";
import { runHere } from "./in-process.ts";

/** What docs/exports-dicom-seg.md allows in a segmentation. */
const ALLOWED = "AccessionNumber PatientBirthDate PatientID PatientName StudyDate StudyID StudyTime".split(" ");

const { files: FILES, inDicom: planted, own, texts: all } = canaries("C");
const IMAGES = ["b.png", "d.tif", "e.jpg"];
const VOLUMES = ["a.nii", "c.dcm", "f.nrrd"];
const texts = all();

/** The files in a folder, one voxel of each by hand and exported beside it. */
async function annotated(): Promise<string> {
  const place = await folder();
  for (const [name, bytes] of Object.entries(FILES)) {
    writeFileSync(join(place, name), bytes);
    const work = await ImageWork.open(join(place, name));
    const stroke = { points: [[0, 0]], width: 1 };
    await work.append(0, [{ kind: "brush", mark: "inside", stroke, delta: [1, 1, 0, 7], at: 1 }]);
    await work.export();
    await work.close();
  }
  return place;
}

/** What commands print, with the exit code that each must have. */
function recorder() {
  const said: Buffer[] = [];
  const run = async (status: number, ...args: string[]) => {
    const ended = await runHere(...args);
    said.push(Buffer.from(ended.stdout + ended.stderr));
    expect([args.join(" "), ended.status, ended.stderr.includes("defect")]).toEqual([args.join(" "), status, false]);
    return ended;
  };
  return { said, run };
}

test("the texts are in the files, and there are enough of them", () => {
  expect(texts.length).toBeGreaterThan(200);
  // Not those that a PNG packs.
  expect(found(Object.values(FILES), texts).length).toBeGreaterThan(texts.length - 5);
});

test("none of more than 200 planted texts comes out by an export, but those of the patient in a DICOM segmentation", async () => {
  const place = await annotated();
  const out = await folder();
  const { said, run } = recorder();
  const exported = async (name: string, format: string, ...more: string[]) => {
    const output = join(out, `Dataset${`${said.length}`.padStart(3, "0")}_${format}`);
    await run(0, "export", join(place, name), "--format", format, "-o", output, ...more);
    return output;
  };
  for (const name of IMAGES) for (const format of ["png", "coco", "nnunet", "nrrd"]) await exported(name, format);
  for (const name of VOLUMES) for (const format of ["nifti", "nrrd", "nnunet", "bids"]) await exported(name, format);
  await exported("c.dcm", "dicom-seg", "--remove-identifiers");
  const fractional = ["--fractional", "--model", "small", "--no-features"];
  await exported("c.dcm", "dicom-seg", "--remove-identifiers", ...fractional);
  expect(found([...contentOf(out), ...contentOf(join(place, "labels")), ...said], texts)).toEqual([]);

  const named = await exported("c.dcm", "dicom-seg");
  for (const kind of [named, await exported("c.dcm", "dicom-seg", ...fractional)]) {
    const left = found(contentOf(kind), Object.values(planted));
    expect(
      Object.keys(planted)
        .filter((key) => left.includes(planted[key]))
        .sort(),
    ).toEqual(ALLOWED);
  }
  // That segmentation as a mask: what it says of the patient goes no further.
  const again = await folder();
  writeFileSync(join(again, "c.dcm"), FILES["c.dcm"]);
  await run(0, "import", join(again, "c.dcm"), join(named, "c_seg.dcm"));
  await run(0, "import", join(again, "c.dcm"), join(named, "c_seg.dcm"), "--json");
  expect(found([...said, ...contentOf(join(again, "labels"))], texts)).toEqual([]);
});

test("inspect prints none of them, of good files and of broken ones, unless texts are asked for", async () => {
  const place = await folder();
  const { said, run } = recorder();
  for (const [name, bytes] of Object.entries(FILES)) {
    writeFileSync(join(place, name), bytes);
    writeFileSync(join(place, `half-${name}`), bytes.subarray(0, bytes.length >> 1));
    for (const more of [[], ["--json"]]) {
      await run(0, "inspect", join(place, name), ...more);
      await run(1, "inspect", join(place, `half-${name}`), ...more);
    }
  }
  expect(found(said, texts)).toEqual([]);
  const { stdout } = await run(0, "inspect", "--texts", join(place, "a.nii"));
  expect(found([Buffer.from(stdout)], own).length).toBe(5);
});

test("import and propose say and keep none of what a mask carries, nor of the image, also where they refuse", async () => {
  const place = await folder();
  const { said, run } = recorder();
  for (const [name, bytes] of Object.entries(FILES)) writeFileSync(join(place, name), bytes);
  const flat = { width: 4, height: 3 };
  const map = new Uint8Array(24).fill(1);
  writeFileSync(join(place, "flat.png"), encodeLabels(map.subarray(0, 12), flat));
  // Where the loaded NRRD lies, and where it does not.
  const label = { value: 1, name: "Object", color: "#e69f00" };
  const there = encodeSegNrrd({ size: [4, 3, 2], data: map, labels: [label] });
  writeFileSync(join(place, "there.nrrd"), there);
  await run(0, "import", join(place, "flat.png"), join(place, "b.png"));
  await run(0, "import", join(place, "there.nrrd"), join(place, "f.nrrd"), "--json");
  await run(0, "import", join(place, "f.nrrd"), join(place, "there.nrrd"));
  for (const mask of Object.keys(FILES))
    for (const image of ["c.dcm", "a.nii", "d.tif"])
      if (mask !== image && !(mask === "b.png" && image === "d.tif"))
        await run(1, "import", join(place, image), join(place, mask));
  const marked = ["--inside", join(place, "flat.png"), "--model", "paper", "--no-features"];
  await run(0, "propose", join(place, "b.png"), ...marked, "-o", join(place, "candidates"), "--json");
  await run(1, "propose", join(place, "d.tif"), ...marked, "-o", join(place, "never"));
  expect(found([...said, ...contentOf(join(place, "labels")), ...contentOf(join(place, "candidates"))], texts)).toEqual(
    [],
  );
});
