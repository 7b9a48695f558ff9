/** The list of labels: its rules, and the file that it is kept in. */
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  freeColor,
  ImageWork,
  keyOf,
  type ListedLabel,
  labelsOf,
  NEW_PROJECT,
  shownLabels,
  withLabel,
  withoutLabel,
  withUsed,
} from "../../src/project/index.ts";
import { folderWithImage, session } from "./made.ts";

const OLD: ListedLabel[] = [{ value: 1, name: "Object" }];

test("a single label of an old list is azure on the page and orange in exports; beside a second one it is azure in both", () => {
  expect(shownLabels(OLD)).toEqual([{ value: 1, name: "Object", color: "#3ba7ff" }]);
  expect(labelsOf(OLD)).toEqual([{ value: 1, name: "Object", color: "#e69f00" }]);
  const two = withLabel(OLD, { name: " Tumor ", color: "#009e73" });
  expect(two).toEqual([
    { value: 1, name: "Object", color: "#3ba7ff" },
    { value: 2, name: "Tumor", color: "#009e73" },
  ]);
  expect(labelsOf(two)).toEqual(shownLabels(two));
});

test("a label is renamed and recolored in its place, and new values follow the largest", () => {
  const two = withLabel([{ value: 3, name: "Spleen" }], { name: "Liver", color: freeColor(shownLabels(OLD)) });
  expect(two.map(({ value }) => value)).toEqual([3, 4]);
  expect(withLabel(two, { value: 3, name: "spleen", color: "#123456" })[0]).toEqual({
    value: 3,
    name: "spleen",
    color: "#123456",
  });
  expect(keyOf(two, 3)).toBe(0);
  expect(keyOf(two, 4)).toBe(4);
});

test.each([
  ["", /needs a name/],
  ["  ", /needs a name/],
  ["a".repeat(65), /at most 64/],
  ["a\nb", /one line/],
  ["a\u202eb", /one line/],
  ["OBJECT", /Another label is called OBJECT/],
])("the name %j is refused with a sentence", (name, message) => {
  expect(() => withLabel(OLD, { name, color: "#000000" })).toThrow(message);
});

test("a value that no label has cannot be changed, and after 255 there are no more", () => {
  expect(() => withLabel(OLD, { value: 9, name: "a", color: "#000000" })).toThrow(/no label 9/);
  expect(() => withLabel([{ value: 255, name: "z" }], { name: "a", color: "#000000" })).toThrow(/up to 255/);
  expect(withLabel(OLD, { name: "é".repeat(64), color: "#000000" })).toHaveLength(2);
});

test("free colors differ from each other as long as there are any", () => {
  let labels = shownLabels(OLD);
  for (let i = 0; i < 7; i++) labels = withLabel(labels, { name: `${i}`, color: freeColor(labels) });
  expect(new Set(labels.map(({ color }) => color)).size).toBe(8);
  expect(freeColor(labels)).toMatch(/^#/);
});

test("what a journal names and the list lacks comes after it; a first label that was not the first is refused", () => {
  expect(withUsed(OLD, [0, 7, 2])).toEqual([...OLD, { value: 2, name: "Label 2" }, { value: 7, name: "Label 7" }]);
  const turned = [{ value: 2, name: "Tumor" }, ...OLD];
  expect(() => withUsed(turned, [0, 2])).toThrow(/Tumor \(2\) as the first/);
});

test("a label added is in the file at once, and the work on it in journal, mask and list", async () => {
  const { folder, image } = await folderWithImage();
  const work = await ImageWork.open(image);
  expect(await work.labels()).toEqual(NEW_PROJECT.labels);
  expect(await readdir(folder)).toEqual(["scan.png"]);
  await work.changeLabel({ name: "Tumor", color: "#009e73" });
  expect(JSON.parse(await readFile(join(folder, "tendril.json"), "utf8"))).toEqual({
    tendril: 1,
    labels: [
      { value: 1, name: "Object", color: "#3ba7ff" },
      { value: 2, name: "Tumor", color: "#009e73" },
    ],
  });
  const { actions } = session(5, 40, [0, 2]);
  await work.append(0, actions);
  const { data, labels } = await work.labelMap();
  await work.close();
  expect(labels.map(({ name }) => name)).toEqual(["Object", "Tumor"]);
  expect([...new Set(data)].sort()).toEqual([0, 1, 2]);
});

test("a list that was lost costs names and no work; one that was damaged is left as it is", async () => {
  const { folder, image } = await folderWithImage();
  const work = await ImageWork.open(image);
  await work.append(0, session(5, 40, [0, 2]).actions);
  const before = await work.labelMap();
  expect(before.labels).toMatchObject([{ name: "Object" }, { value: 2, name: "Label 2" }]);
  await work.changeLabel({ value: 2, name: "Tumor", color: "#009e73" });
  expect((await work.labelMap()).data).toEqual(before.data);
  await work.close();
  const damaged = '{"tendril":1,"labels":[{"value":1,"name":"a","color":"red"}]}';
  await writeFile(join(folder, "tendril.json"), damaged);
  await expect(ImageWork.open(image)).rejects.toMatchObject({ code: "bad-project-file" });
  await expect(work.changeLabel({ name: "b", color: "#000000" })).rejects.toMatchObject({ code: "bad-project-file" });
  expect(await readFile(join(folder, "tendril.json"), "utf8")).toBe(damaged);
});

test("a label that no image uses is taken away; the first, an unknown one and one that is used are refused with a sentence", () => {
  const two = withLabel(OLD, { name: "Tumor", color: "#009e73" });
  expect(withoutLabel(two, 2, [])).toEqual(two.slice(0, 1));
  expect(() => withoutLabel(two, 1, [])).toThrow("Object is the project's first label, which stays.");
  expect(() => withoutLabel(two, 3, [])).toThrow("The project has no label 3.");
  expect(() => withoutLabel(two, 2, ["a.png"])).toThrow("Tumor stays: a.png has changes of it.");
  expect(() => withoutLabel(two, 2, ["a", "b"])).toThrow("Tumor stays: a and b have changes of it.");
  expect(() => withoutLabel(two, 2, ["a", "b", "c", "d", "e"])).toThrow("Tumor stays: a, b, c and 2 more have");
});

test("a label is removed only when no journal of the project names it, undone or in a folder below", async () => {
  const { folder, image } = await folderWithImage();
  const work = await ImageWork.open(image);
  await work.changeLabel({ name: "Tumor", color: "#009e73" });
  await work.changeLabel({ name: "Cyst", color: "#cc79a7" });
  const stroke = { points: [[0, 0]], width: 1 };
  const brush = { kind: "brush", mark: "inside", stroke, label: 2, delta: [0, 1, 0, 7], at: 1 };
  await work.append(0, [brush, { kind: "undo", at: 2 }]);
  await expect(work.removeLabel(2)).rejects.toThrow("Tumor stays: scan.png has changes of it.");
  const below = join(folder, "below");
  await mkdir(join(below, "labels"), { recursive: true });
  await copyFile(join(folder, "labels/scan.journal"), join(below, "labels/other.journal"));
  await expect(work.removeLabel(2)).rejects.toThrow("scan.png and scan.png have changes of it.");
  // With a list of its own it is another project.
  await copyFile(join(folder, "tendril.json"), join(below, "tendril.json"));
  await expect(work.removeLabel(2)).rejects.toThrow("Tumor stays: scan.png has changes of it.");
  expect((await work.removeLabel(3)).map(({ name }) => name)).toEqual(["Object", "Tumor"]);
  expect((await work.labels()).map(({ name }) => name)).toEqual(["Object", "Tumor"]);
  // Nobody knows what a damaged one names.
  await work.changeLabel({ name: "Cyst", color: "#cc79a7" });
  const damaged = join(folder, "labels/gone.journal");
  await writeFile(damaged, "lost");
  await expect(work.removeLabel(3)).rejects.toThrow("gone.journal is not a journal");
  await rm(damaged);
  await work.removeLabel(3);
  await work.close();
});
