import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { decodeImage, readLabelMap } from "../../src/image/index.ts";
import { ImageWork, INSIDE } from "../../src/project/index.ts";
import { buildCommands, root } from "../built.ts";
import { folderWithImage, GRID, imageBytes, session } from "../project/made.ts";

beforeAll(buildCommands);

const { actions, history } = session(21, 40);
const inside = history.annotation.data.map((value) => (value & INSIDE ? 1 : 0));

/** A folder of an annotated image and one that nobody has touched. */
async function project(): Promise<string> {
  const { folder, image } = await folderWithImage("scan.v2.png");
  const work = await ImageWork.open(image);
  await work.append(0, actions);
  await work.close();
  writeFileSync(join(folder, "untouched.png"), imageBytes(GRID, 3));
  return folder;
}

function exported(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["bin/tendril.mjs", "export", ...args], {
    cwd: root,
    encoding: "utf8",
  });
  return { status, stdout: stdout.trim(), stderr };
}

test.each([
  ["png", "masks", ["scan.v2_seg.png"]],
  ["coco", "coco", ["annotations.json"]],
  ["nrrd", "slicer", ["scan.v2.seg.nrrd"]],
  ["nnunet", "Dataset501_Object", ["dataset.json", "imagesTr/scan.v2_0000.png", "labelsTr/scan.v2.png"]],
])(
  "what the journals of a folder give is written as %s, without images that nobody annotated",
  async (format, name, files) => {
    const folder = await project();
    const output = join(folder, name);
    expect(exported(folder, "--format", format, "-o", output)).toMatchObject({ status: 0, stdout: output });
    const written = readdirSync(output, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(written.map((entry) => join(entry.parentPath, entry.name).slice(output.length + 1)).sort()).toEqual(files);
    const target = { name: "scan.v2.png", size: [GRID.width, GRID.height, 1] as const, toWorld: null };
    const last = files.at(-1)!;
    const read = readLabelMap(readFileSync(join(output, last)), last, target);
    expect(read.data).toEqual(inside);
    if (format === "coco" || format === "nrrd") expect(read.labels.map((label) => label.name)).toEqual(["Object"]);
    if (format === "nnunet")
      expect(decodeImage(readFileSync(join(output, files[1])), "a.png")).toEqual(decodeImage(imageBytes(), "a.png"));
  },
);

test("a folder that exists is not written over, and --json names the files", async () => {
  const folder = await project();
  const output = join(folder, "twice");
  const first = exported(join(folder, "scan.v2.png"), "-o", output, "--json");
  expect(JSON.parse(first.stdout)).toEqual({ format: "png", images: 1, files: ["scan.v2_seg.png"] });
  expect(exported(folder, "-o", output)).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/it exists already/),
  });
});

test("what cannot be exported is said, with what to do", async () => {
  const folder = await project();
  const refused = (...args: string[]) => {
    const { status, stderr } = exported(...args, "-o", join(folder, "never"));
    expect(status).toBe(2);
    return stderr;
  };
  expect(refused(join(folder, "untouched.png"))).toMatch(/untouched\.png has no annotations yet/);
  expect(refused(join(folder, "labels"))).toMatch(/holds no annotated images/);
  expect(refused(folder, "--format", "nnunet")).toMatch(/DatasetNNN_NAME, such as Dataset501_Liver; never is not/);
  expect(refused(folder, "--format", "gif")).toMatch(/png, nifti, nrrd, coco, nnunet, bids, dicom-seg, csv/);
  expect(readdirSync(folder)).not.toContain("never");
});
