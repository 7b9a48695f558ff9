import { copyFile, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeImage } from "../../src/image/index.ts";
import {
  countActions,
  ensureProjectFile,
  type ImageFiles,
  ImageWork,
  INSIDE,
  readProjectFile,
} from "../../src/project/index.ts";
import { nifti } from "../image/nifti.ts";
import { folder, folderWithImage, GRID, imageBytes, session } from "./made.ts";

const DICOM = join(import.meta.dirname, "../fixtures/seg");

test("an exported mask is what the journal says, at the image's size, beside the image", async () => {
  const { folder, image } = await folderWithImage("scan.v2.png");
  const { actions, history } = session(21, 40);
  const work = await ImageWork.open(image);
  await work.append(0, actions.slice(0, 30));
  await work.append(30, actions.slice(30));
  const { path, inside } = await work.export();
  await work.close();
  expect(path).toBe("labels/scan.v2_seg.png");
  const mask = decodeImage(await readFile(join(folder, path)), "mask.png");
  const expected = history.annotation.data.map((value) => (value & INSIDE ? 1 : 0));
  expect(mask).toEqual({ ...GRID, maximum: 255, data: expected });
  expect(inside).toBe(expected.filter((value) => value === 1).length);
  expect((await readdir(folder)).sort()).toEqual(["labels", "scan.v2.png", "tendril.json"]);
  expect((await readdir(join(folder, "labels"))).sort()).toEqual([
    ...["scan.v2.exported", "scan.v2.journal", "scan.v2_seg.png"],
  ]);
});

test("an export takes the place of Tendril's own and not of another program's, unless that is wanted", async () => {
  const { folder, image } = await folderWithImage();
  const mask = join(folder, "labels/scan_seg.png");
  const { actions } = session(21, 30);
  const work = await ImageWork.open(image);
  const exportAfter = async (count: number) => {
    await work.append(work.journal.actions.length, actions.slice(work.journal.actions.length, count));
    await work.export();
    return readFile(mask);
  };
  const refused = {
    code: "not-ours",
    message: expect.stringMatching(/^labels\/scan_seg\.png is there already .* Nothing was written\./),
  };
  await mkdir(join(folder, "labels"));
  await writeFile(mask, "another program's");
  await expect(work.export()).rejects.toMatchObject(refused);
  expect(await readdir(join(folder, "labels"))).toEqual(["scan_seg.png"]);
  expect(await readFile(mask, "utf8")).toBe("another program's");
  await work.export(true);

  const first = await exportAfter(10);
  const second = await exportAfter(20);
  expect(second.equals(first)).toBe(false);
  // As a kill leaves it between what was written and the mask.
  await writeFile(mask, first);
  const third = await exportAfter(30);
  await writeFile(mask, "changed");
  await expect(work.export()).rejects.toMatchObject(refused);
  expect(await readFile(mask, "utf8")).toBe("changed");
  // What an earlier version wrote, and has not changed since, needs no question.
  await rm(join(folder, "labels/scan.exported"));
  await writeFile(mask, third);
  await work.export();
  await work.close();
});

test("of a volume neither the mask nor the statistics of another program are replaced", async () => {
  const place = await folder();
  await writeFile(join(place, "body.nii"), nifti({ size: [5, 4, 3] }));
  const work = await ImageWork.open(join(place, "body.nii"));
  await mkdir(join(place, "labels"));
  await writeFile(join(place, "labels/body_stats.csv"), "mine");
  await expect(work.export()).rejects.toThrow(/^labels\/body_stats\.csv is there already/);
  expect(await readdir(join(place, "labels"))).toEqual(["body_stats.csv"]);
  await work.close();
});

test("two images of a folder whose names differ in their endings alone have a journal and a mask each", async () => {
  const { folder, image } = await folderWithImage("a.png");
  const other = join(folder, "a.jpg");
  await writeFile(other, imageBytes(GRID, 2));
  const { actions } = session(5, 9);
  const draw = async (path: string, count: number) => {
    const work = await ImageWork.open(path);
    await work.append(0, actions.slice(0, count));
    const { path: mask } = await work.export();
    await work.close();
    return mask;
  };
  expect(await draw(image, 4)).toBe("labels/a_seg.png");
  expect(await draw(other, 6)).toBe("labels/a.jpg_seg.png");
  expect([await countActions(image), await countActions(other)]).toEqual([4, 6]);
  // The second keeps its journal when the first is gone, and the first's is taken for nobody else's.
  await rm(image);
  expect((await ImageWork.open(other)).journal.actions.length).toBe(6);
  await writeFile(join(folder, "a.tif"), imageBytes(GRID, 3));
  await expect(ImageWork.open(join(folder, "a.tif"))).rejects.toMatchObject({ code: "other-image" });
});

test("work that lies beside an image under its old name, or a series' old first file, is told and left", async () => {
  const { folder: place, image } = await folderWithImage("old.png");
  const { actions } = session(21, 5);
  const work = await ImageWork.open(image);
  await work.append(0, actions);
  await work.close();
  expect(work.notes).toEqual([]);
  await writeFile(join(place, "other.png"), imageBytes(GRID, 7));
  const notesOf = async (files: Parameters<typeof ImageWork.open>[0]) => {
    const opened = await ImageWork.open(files);
    await opened.close();
    return opened.notes;
  };
  expect(await notesOf(join(place, "other.png"))).toEqual([]);
  await rename(image, join(place, "new.png"));
  expect(await notesOf(join(place, "new.png"))).toEqual([
    expect.stringMatching(
      /^old\.journal holds work on this image .* called old\.png\. .* call the journal new\.journal/,
    ),
  ]);
  // Another image is not asked for it.
  expect(await notesOf(join(place, "other.png"))).toEqual([]);
  await rename(join(place, "labels/old.journal"), join(place, "labels/new.journal"));
  const again = await ImageWork.open(join(place, "new.png"));
  await again.close();
  expect([again.journal.actions.length, again.notes]).toEqual([5, []]);

  const study = await folder();
  const series = async (...numbers: number[]): Promise<ImageFiles> => {
    const paths = numbers.map((k) => join(study, `IM00${k}`));
    for (const [i, k] of numbers.entries()) await copyFile(join(DICOM, `axial-${k}.dcm`), paths[i]);
    return { paths: paths as [string, ...string[]], part: 0 };
  };
  const all = await series(0, 1, 2, 3);
  const begun = await ImageWork.open(all);
  const brush = { kind: "brush", mark: "inside", stroke: { points: [[0, 0]], width: 1 }, slice: { axis: 2, index: 0 } };
  await begun.append(0, [{ ...brush, delta: [0, 1, 0, 7], at: 1 }]);
  await begun.close();
  expect(await notesOf(all)).toEqual([]);
  await rm(all.paths[0]);
  const told = [
    expect.stringMatching(
      /^IM000\.journal holds work on a series that began with IM000, and this one begins with IM001/,
    ),
  ];
  expect(await notesOf({ ...all, paths: all.paths.slice(1) as [string, ...string[]] })).toEqual(told);
  expect(await readdir(join(study, "labels"))).toEqual(["IM000.journal"]);
});

test("a renamed image keeps its journal", async () => {
  const { folder, image } = await folderWithImage("a.png");
  const work = await ImageWork.open(image);
  await work.append(0, session(5, 9).actions);
  await work.close();
  await rename(image, join(folder, "a.image"));
  expect((await ImageWork.open(join(folder, "a.image"))).journal.actions.length).toBe(9);
});

test("opening an image writes nothing", async () => {
  const { folder, image } = await folderWithImage();
  await (await ImageWork.open(image)).close();
  expect(await readdir(folder)).toEqual(["scan.png"]);
});

test("an image whose bytes changed is not mixed with the old work", async () => {
  const { image } = await folderWithImage();
  const work = await ImageWork.open(image);
  await work.append(0, session(1, 3).actions);
  await work.close();
  await writeFile(image, imageBytes(GRID, 2));
  await expect(ImageWork.open(image)).rejects.toMatchObject({ code: "other-image" });
});

test("a labels folder that is a link to another place is not written through", async () => {
  const { folder: own, image } = await folderWithImage();
  const elsewhere = await folder();
  await symlink(elsewhere, join(own, "labels"));
  await expect(ImageWork.open(image)).rejects.toMatchObject({ code: "outside" });
  // The link may also come while the image is open.
  await rm(join(own, "labels"));
  const work = await ImageWork.open(image);
  await symlink(elsewhere, join(own, "labels"));
  await expect(work.append(0, session(1, 1).actions)).rejects.toMatchObject({ code: "outside" });
  await expect(work.export()).rejects.toMatchObject({ code: "outside" });
  expect(await readdir(elsewhere)).toEqual([]);
});

test("a new folder gets a project file with one label, and a good one is left as it is", async () => {
  const place = await folder();
  expect(await readProjectFile(place)).toBeNull();
  await ensureProjectFile(place);
  expect(JSON.parse(await readFile(join(place, "tendril.json"), "utf8"))).toEqual({
    tendril: 1,
    labels: [{ value: 1, name: "Object" }],
  });
  const own = '{"tendril":1,"labels":[{"value":3,"name":"Spleen"}]}';
  await writeFile(join(place, "tendril.json"), own);
  expect((await ensureProjectFile(place)).labels).toEqual([{ value: 3, name: "Spleen" }]);
  expect(await readFile(join(place, "tendril.json"), "utf8")).toBe(own);
});

test.each([
  ["no JSON", "{", /it is no JSON text/],
  ["another version", '{"tendril":2,"labels":[{"value":1,"name":"a"}]}', /tendril/],
  ["no labels", '{"tendril":1,"labels":[]}', /labels/],
  ["value 256", '{"tendril":1,"labels":[{"value":256,"name":"a"}]}', /labels\.0\.value/],
  ["a name too long", `{"tendril":1,"labels":[{"value":1,"name":"${"a".repeat(257)}"}]}`, /labels\.0\.name/],
  [
    "two labels of one value",
    '{"tendril":1,"labels":[{"value":1,"name":"a"},{"value":1,"name":"b"}]}',
    /share a value/,
  ],
  ["two labels of one name", '{"tendril":1,"labels":[{"value":1,"name":"a"},{"value":2,"name":"a"}]}', /share a name/],
  ["an unknown key", '{"tendril":1,"labels":[{"value":1,"name":"a"}],"colour":1}', /colour/],
])("a project file with %s is refused with its reason and left as it is", async (_, text, message) => {
  const { folder, image } = await folderWithImage();
  const path = join(folder, "tendril.json");
  await writeFile(path, text);
  await expect(ImageWork.open(image)).rejects.toMatchObject({
    code: "bad-project-file",
    message: expect.stringMatching(message),
  });
  expect(await readFile(path, "utf8")).toBe(text);
});

test("the work of two images of the same name in different folders stays apart", async () => {
  const place = await folder();
  for (const name of ["a", "b"]) {
    await mkdir(join(place, name));
    await writeFile(join(place, name, "scan.png"), imageBytes(GRID, name.charCodeAt(0)));
    const work = await ImageWork.open(join(place, name, "scan.png"));
    await work.append(0, session(name.charCodeAt(0), 5).actions);
    await work.close();
  }
  const open = async (name: string) => (await ImageWork.open(join(place, name, "scan.png"))).journal.actions;
  expect(await open("a")).toEqual(session(97, 5).actions);
  expect(await open("b")).toEqual(session(98, 5).actions);
});
