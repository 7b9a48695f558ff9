/** What the app opens of a folder with DICOM series and other formats, and where their masks lie. */
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { decodeFiles, decodeNifti, decodeNrrd, type Volume } from "../../src/image/index.ts";
import { folder } from "../project/made.ts";
import { asOurPage, made, TAB } from "./made.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures");
const TILTED = [0, 1, 2, 3].map((k) => `dicom/tilted-${k}.dcm`);
const MIXED = [0, 1, 2, 3, 4].map((k) => `dicom/mixed-${k}.dcm`);

async function put(place: string, fixtures: readonly string[], nameOf = (name: string) => name.split("/")[1]) {
  await mkdir(place, { recursive: true });
  for (const name of fixtures) await copyFile(join(FIXTURES, name), join(place, nameOf(name)));
}

/** Marks one voxel and exports. @returns the mask's path from the image's folder */
async function marked({ ask }: Awaited<ReturnType<typeof made>>, id: string, voxel: number): Promise<string> {
  const url = `/api/images/${id}`;
  const { image } = (await ask("POST", `${url}/session`, { tab: TAB })).json();
  const slice = image.depth === undefined ? {} : { slice: { axis: 2, index: 0 } };
  const stroke = { points: [[0, 0]], width: 1 };
  const action = { kind: "brush", mark: "inside", stroke, ...slice, delta: [voxel, 1, 0, 7], at: 1 };
  expect((await ask("POST", `${url}/actions`, { tab: TAB, after: 0, actions: [action] })).json()).toEqual({ saved: 1 });
  return (await ask("POST", `${url}/export`, { tab: TAB })).json().path;
}

async function volumeOf(place: string, names: readonly string[]): Promise<Volume> {
  const files = await Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(place, name)) })));
  const opened = await decodeFiles(files);
  if (opened.kind !== "volume") throw new Error("no volume");
  return opened.volume;
}

test("a study opens with every series of its folder and of the folders in it, each once, and its other images", async () => {
  const study = await folder();
  await put(study, ["flat/rgb-444.jpg", "flat/opencv16.tif", "dicom/film.dcm"]);
  await put(join(study, "CT"), TILTED, (name) => `IM${name.at(-5)}`);
  await put(join(study, "two"), MIXED);
  await put(join(study, "photos"), ["flat/gray.jpg"]);
  await put(join(study, "labels"), ["dicom/rgb.dcm"]);
  await writeFile(join(study, "notes.txt"), "no image");
  const { ask, images } = await made([study]);
  expect(images.refused).toEqual([]);
  expect(images.list().map(({ name, files }) => [name, files.paths.length])).toEqual([
    ["opencv16.tif", 1],
    ["rgb-444.jpg", 1],
    ["film.dcm", 1],
    ["CT", 4],
    ["two", 3],
    ["mixed-3.dcm", 1],
  ]);
  const two = images.list()[4];
  const { notes } = (await ask("POST", `/api/images/${two.id}/session`, { tab: TAB })).json();
  expect(notes[0]).toMatch(/^These 5 files are 2 series, of 3 and 1 images\./);
  // Another start gives the same images the same ids.
  expect((await made([study])).images.list().map(({ id }) => id)).toEqual(images.list().map(({ id }) => id));
});

test("the series of a study share its labels, also after another start and on their own; a folder with a list of its own keeps it", async () => {
  const study = await folder();
  await put(join(study, "a"), TILTED);
  await put(join(study, "b"), TILTED);
  await put(join(study, "old"), TILTED);
  const own = '{"tendril":1,"labels":[{"value":4,"name":"Spleen"}]}';
  await writeFile(join(study, "old", "tendril.json"), own);
  const opened = await made([study]);
  const labelsIn = async ({ ask, images }: typeof opened, name: string) => {
    const { id } = images.list().find((image) => image.name === name)!;
    const { labels } = (await ask("POST", `/api/images/${id}/session`, { tab: TAB })).json();
    return labels.map((label: { name: string }) => label.name);
  };
  const [a] = opened.images.list();
  await marked(opened, a.id, 3);
  await opened.ask("POST", `/api/images/${a.id}/labels`, { name: "Tumor", color: "#009e73" });
  expect(await readdir(join(study, "a"))).not.toContain("tendril.json");
  const again = await made([study]);
  for (const server of [opened, again]) {
    expect(await labelsIn(server, "b")).toEqual(["Object", "Tumor"]);
    expect(await labelsIn(server, "old")).toEqual(["Spleen"]);
  }
  expect(await labelsIn(await made([join(study, "b")]), "b")).toEqual(["Object", "Tumor"]);
  expect(await readFile(join(study, "old", "tendril.json"), "utf8")).toBe(own);
});

test("a series is served whole and in parts, and its mask lies on it beside its files", async () => {
  const place = join(await folder(), "CT");
  await put(place, TILTED, (name) => `IM${name.at(-5)}`);
  const server = await made([place]);
  const [{ id }] = server.images.list();
  const { files, part } = (await server.ask("GET", `/api/images/${id}/files`)).json();
  const bytes = Buffer.concat(
    await Promise.all(files.map(({ name }: { name: string }) => readFile(join(place, name)))),
  );
  expect([part, files.map(({ name }: { name: string }) => name)]).toEqual([0, ["IM0", "IM1", "IM2", "IM3"]]);
  expect((await server.ask("GET", `/api/images/${id}/file`)).rawPayload).toEqual(bytes);
  const request = asOurPage("GET", `/api/images/${id}/file`);
  const start = files[0].size - 3;
  const range = `bytes=${start}-${start + files[1].size + 9}`;
  const across = await server.server.inject({ ...request, headers: { ...request.headers, range } });
  expect(across.rawPayload).toEqual(bytes.subarray(start, start + files[1].size + 10));
  expect(await marked(server, id, 5)).toBe("labels/IM0_seg.nii.gz");
  const mask = decodeNifti(await readFile(join(place, "labels/IM0_seg.nii.gz")), "mask");
  const { size, toWorld } = await volumeOf(place, ["IM0", "IM1", "IM2", "IM3"]);
  expect(mask.size).toEqual(size);
  mask.toWorld.forEach((value, i) => {
    expect(value).toBeCloseTo(toWorld[i], 4);
  });
  expect(mask.data.indexOf(1)).toBe(5);
});

test("two series of a folder, and two in one archive, have journals and masks of their own", async () => {
  const place = await folder();
  await put(join(place, "two"), MIXED);
  const packed = await Promise.all(MIXED.map(async (name) => [name, await readFile(join(FIXTURES, name))] as const));
  await writeFile(join(place, "two.zip"), zipSync(Object.fromEntries(packed)));
  const server = await made([place]);
  const masks = [];
  const parts = [];
  for (const { id } of server.images.list()) {
    parts.push((await server.ask("GET", `/api/images/${id}/files`)).json());
    masks.push(await marked(server, id, 1));
  }
  expect(parts.map(({ part, parts: all }) => [part, all])).toEqual([...[0, 1].map((i) => [i, 2]), [0, 1], [0, 1]]);
  expect(masks).toEqual([
    "labels/two_seg.nii.gz",
    "labels/two-part2_seg.nii.gz",
    "labels/mixed-1_seg.nii.gz",
    "labels/mixed-3_seg.nii.gz",
  ]);
  expect((await readdir(join(place, "labels"))).sort()).toEqual([
    "two-part2.exported",
    "two-part2.journal",
    "two-part2_seg.nii.gz",
    "two-part2_stats.csv",
    "two.exported",
    "two.journal",
    "two_seg.nii.gz",
    "two_stats.csv",
  ]);
});

test("masks of a JPEG, a TIFF stack and an NRRD volume: PNG, NIfTI and a segmentation of 3D Slicer", async () => {
  const place = await folder();
  await put(place, ["flat/gray.jpg", "flat/uint8-pages.tif", "flat/space-LAS.nrrd"]);
  const server = await made([place]);
  const masks = [];
  for (const { id } of server.images.list()) masks.push(await marked(server, id, 7));
  expect(masks).toEqual(["labels/gray_seg.png", "labels/space-LAS.seg.nrrd", "labels/uint8-pages_seg.nii.gz"]);
  const { volume, keys } = decodeNrrd(await readFile(join(place, masks[1])), "mask");
  expect(volume.toWorld).toEqual((await volumeOf(place, ["space-LAS.nrrd"])).toWorld);
  expect([keys.get("Segment0_Name"), volume.data.indexOf(1)]).toEqual(["Object", 7]);
  const stack = decodeNifti(await readFile(join(place, masks[2])), "mask");
  expect(stack.toWorld[0]).toBeCloseTo((await volumeOf(place, ["uint8-pages.tif"])).toWorld[0], 5);
});

test.each([
  ["rgb-444.jpg", "flat/rgb-444.jpg", "photo.jpeg", "photo.jpg"],
  ["a TIFF", "flat/opencv16.tif", "scan.png", "scan.tif"],
  ["an NRRD volume", "flat/space-LPS.nrrd", "scan.nrrd", "scan.nrrd"],
  ["DICOM", "dicom/film.dcm", "IM000001", "IM000001.dcm"],
])("%s that is dropped is kept as what it is", async (_, fixture, name, kept) => {
  const server = await made([]);
  const request = asOurPage("POST", `/api/images?name=${name}`);
  const headers = { ...request.headers, "content-type": "application/octet-stream" };
  const payload = await readFile(join(FIXTURES, fixture));
  expect((await server.server.inject({ ...request, headers, payload })).statusCode).toBe(200);
  expect(await readdir(server.drops)).toEqual([kept]);
});

test("a DICOM file that is cut short is refused by name, and the rest of its series opens", async () => {
  const place = await folder();
  await put(place, TILTED);
  const whole = await readFile(join(place, "tilted-3.dcm"));
  await writeFile(join(place, "tilted-3.dcm"), whole.subarray(0, whole.length - 9));
  const { images } = await made([place]);
  expect(images.list().map(({ files }) => files.paths.length)).toEqual([3]);
  expect(images.refused).toMatchObject([{ name: "tilted-3.dcm", message: expect.stringMatching(/cut short/) }]);
});
