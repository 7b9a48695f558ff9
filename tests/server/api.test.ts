import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeImage, decodeNifti } from "../../src/image/index.ts";
import { INSIDE, toText } from "../../src/project/index.ts";
import { cleanStem, SILENCE } from "../../src/server/index.ts";
import { nifti } from "../image/nifti.ts";
import { folder, folderWithImage, GRID, imageBytes, session } from "../project/made.ts";
import { asOurPage, made, OTHER_TAB, TAB } from "./made.ts";

async function oneImage() {
  const place = await folderWithImage();
  const server = await made([place.image]);
  const [{ id }] = server.images.list();
  return { ...place, ...server, url: `/api/images/${id}` };
}

const error = (code: string) => ({ error: { code, message: expect.stringMatching(/^\S+ .*\.$/s) } });

test("the list names the project, its folder, the images with their actions, and what was refused and why", async () => {
  const { folder, image } = await folderWithImage("slice 10.png");
  await writeFile(join(folder, "slice 2.png"), imageBytes(GRID, 2));
  await writeFile(join(folder, "photo.webp"), "RIFF\0\0\0\0WEBP");
  await writeFile(join(folder, "notes.txt"), "no image, and nobody would say so");
  await writeFile(join(folder, "._slice 2.png"), "hidden");
  const { ask, images } = await made([folder]);
  const id = images.list().find(({ label }) => label.endsWith(basename(image)))!.id;
  await ask("POST", `/api/images/${id}/session`, { tab: TAB });
  await ask("POST", `/api/images/${id}/actions`, { tab: TAB, after: 0, actions: session(1, 7).actions });
  const expected = {
    project: "drops",
    folder: "~/drops",
    images: [
      { id: expect.stringMatching(/^[0-9a-f]{16}$/), name: "slice 2.png", actions: 0 },
      { id, name: "slice 10.png", actions: 7 },
    ],
    refused: [{ name: "photo.webp", message: expect.stringMatching(/is a WebP image.* Save it as PNG/) }],
  };
  expect((await ask("GET", "/api/images")).json()).toEqual(expected);
  // Another start counts them from the disk, and gives the image the same id.
  expect((await (await made([folder])).ask("GET", "/api/images")).json()).toEqual(expected);
});

test("the image's bytes are served as they are", async () => {
  const { ask, url, image } = await oneImage();
  const { rawPayload, headers } = await ask("GET", `${url}/file`);
  expect(rawPayload).toEqual(await readFile(image));
  expect(headers).toMatchObject({ "content-type": "image/png", "cache-control": "no-store" });
});

test("a part of the image's bytes is served, cut at their end, and none of those that are not there", async () => {
  const { server, url, image } = await oneImage();
  const bytes = await readFile(image);
  const part = (range: string) => {
    const request = asOurPage("GET", `${url}/file`);
    return server.inject({ ...request, headers: { ...request.headers, range } });
  };
  const middle = await part("bytes=10-19");
  expect(middle.statusCode).toBe(206);
  expect(middle.headers["content-range"]).toBe(`bytes 10-19/${bytes.length}`);
  expect(middle.rawPayload).toEqual(bytes.subarray(10, 20));
  expect((await part(`bytes=${bytes.length - 3}-${bytes.length + 50}`)).rawPayload).toEqual(bytes.subarray(-3));
  const beyond = await part(`bytes=${bytes.length}-${bytes.length + 1}`);
  expect(beyond.statusCode).toBe(416);
  expect(beyond.json()).toEqual(error("bad-range"));
  for (const other of ["bytes=5-", "bytes=-5", "bytes=9-5x", "lines=1-2"])
    expect((await part(other)).rawPayload).toEqual(bytes);
});

test("a volume's session says how many slices it has, and its mask and statistics are exported", async () => {
  const place = await folder();
  await writeFile(join(place, "body.nii"), nifti({ size: [5, 4, 3] }));
  const { ask, images } = await made([place]);
  const [{ id }] = images.list();
  const url = `/api/images/${id}`;
  const reply = (await ask("POST", `${url}/session`, { tab: TAB })).json();
  expect(reply.image).toMatchObject({ name: "body.nii", width: 5, height: 12, depth: 3 });
  const stroke = { points: [[1, 1]], width: 1 };
  const slice = { axis: 2, index: 1 };
  const drawn = { kind: "brush", mark: "inside", stroke, slice, delta: [26, 2, 0, 7], at: 1 };
  const done = { kind: "done", slice, delta: [], at: 2 };
  expect((await ask("POST", `${url}/actions`, { tab: TAB, after: 0, actions: [drawn, done] })).json()).toEqual({
    saved: 2,
  });
  expect((await ask("POST", `${url}/export`, { tab: TAB })).json()).toEqual({ path: "labels/body_seg.nii", inside: 2 });
  const mask = decodeNifti(await readFile(join(place, "labels/body_seg.nii")), "body_seg.nii");
  expect([...mask.data].flatMap((label, voxel) => (label ? [voxel] : []))).toEqual([26, 27]);
  // 2 x 3 x 4 mm; the fixture's intensities are the voxels' numbers.
  expect(await readFile(join(place, "labels/body_stats.csv"), "utf8")).toContain(
    "axial,2,-26.000,2,12.0000,0.048000,26.5000\nwhole,,,2,,0.048000,26.5000\n",
  );
  const download = await ask("GET", `${url}/mask`);
  expect(download.headers["content-disposition"]).toContain("body_seg.nii");
  expect(download.rawPayload).toEqual(await readFile(join(place, "labels/body_seg.nii")));
});

test("a mask of another program is replaced when the page says so, and not before", async () => {
  const { ask, url, folder } = await oneImage();
  await mkdir(join(folder, "labels"));
  await writeFile(join(folder, "labels/scan_seg.png"), "another program's");
  const refused = await ask("POST", `${url}/export`, { tab: TAB });
  expect([refused.statusCode, refused.json()]).toEqual([409, error("not-ours")]);
  expect(await readFile(join(folder, "labels/scan_seg.png"), "utf8")).toBe("another program's");
  expect((await ask("POST", `${url}/export`, { tab: TAB, replace: true })).statusCode).toBe(200);
  expect((await ask("POST", `${url}/export`, { tab: TAB })).statusCode).toBe(200);
  expect(decodeImage(await readFile(join(folder, "labels/scan_seg.png")), "a.png")).toMatchObject(GRID);
});

test("a session gives the image, its actions and what was cut; the first tab writes", async () => {
  const { ask, url, image, folder } = await oneImage();
  const { actions } = session(3, 9);
  const sha256 = createHash("sha256")
    .update(await readFile(image))
    .digest("hex");
  const described = { name: "scan.png", ...GRID, sha256 };
  expect((await ask("POST", `${url}/session`, { tab: TAB })).json()).toEqual({
    writer: true,
    image: described,
    labels: [{ value: 1, name: "Object", color: "#3ba7ff" }],
    notes: [],
    actions: [],
    cut: 0,
  });
  expect((await ask("POST", `${url}/actions`, { tab: TAB, after: 0, actions })).json()).toEqual({ saved: 9 });
  const journal = join(folder, "labels", "scan.journal");
  await writeFile(journal, `${await readFile(journal, "utf8")}40 torn`);
  expect((await ask("POST", `${url}/session`, { tab: TAB })).json()).toEqual({
    writer: true,
    image: described,
    labels: [{ value: 1, name: "Object", color: "#3ba7ff" }],
    notes: [],
    actions,
    cut: 7,
  });
});

test("a label is removed by the tab that draws, when no image uses it and no other window may begin to", async () => {
  const { ask, url, folder, clock } = await oneImage();
  const remove = (value: number, tab = TAB) => ask("DELETE", `${url}/labels/${value}?tab=${tab}`);
  const said = async (answer: ReturnType<typeof remove>) => {
    const { statusCode, ...reply } = await answer;
    return [statusCode, reply.json().error?.code];
  };
  for (const name of ["Liver", "Spleen"]) await ask("POST", `${url}/labels`, { name, color: "#009e73" });
  await ask("POST", `${url}/session`, { tab: TAB });
  const stroke = { points: [[0, 0]], width: 1 };
  const brush = { kind: "brush", mark: "inside", stroke, label: 2, delta: [0, 1, 0, 7], at: 1 };
  await ask("POST", `${url}/actions`, { tab: TAB, after: 0, actions: [brush] });
  expect(await said(remove(1))).toEqual([422, "bad-label"]);
  expect(await said(remove(9))).toEqual([422, "bad-label"]);
  expect((await remove(2)).json().error.message).toContain("Liver stays: scan.png has changes of it.");
  expect(await said(remove(3, OTHER_TAB))).toEqual([409, "not-writer"]);
  expect(await said(remove(3, "nobody"))).toEqual([400, "bad-request"]);
  const left = [
    { value: 1, name: "Object", color: "#3ba7ff" },
    { value: 2, name: "Liver", color: "#009e73" },
  ];
  expect((await remove(3)).json()).toEqual({ labels: left });
  expect(JSON.parse(await readFile(join(folder, "tendril.json"), "utf8")).labels).toEqual(left);

  await ask("POST", `${url}/labels`, { name: "Spleen", color: "#009e73" });
  clock.now += SILENCE;
  await ask("POST", `${url}/session`, { tab: OTHER_TAB });
  expect(await said(remove(3))).toEqual([409, "not-writer"]);
});

test("a label stays while another window draws on another image", async () => {
  const place = await folder();
  for (const name of ["a.png", "b.png"]) await writeFile(join(place, name), imageBytes(GRID, 2));
  const { ask, images, clock } = await made([place]);
  const [a, b] = images.list().map(({ id }) => `/api/images/${id}`);
  await ask("POST", `${a}/labels`, { name: "Liver", color: "#009e73" });
  await ask("POST", `${a}/session`, { tab: TAB });
  await ask("POST", `${b}/session`, { tab: OTHER_TAB });
  const remove = () => ask("DELETE", `${a}/labels/2?tab=${TAB}`);
  expect((await remove()).json().error.code).toBe("other-window");
  clock.now += SILENCE;
  expect((await remove()).statusCode).toBe(200);
});

test("labels are added and changed one after the other, however many ask at once, and refused with a sentence", async () => {
  const { ask, url, folder } = await oneImage();
  const post = (body: object) => ask("POST", `${url}/labels`, body);
  const names = ["Liver", "Spleen", "Left kidney", "Right kidney"];
  const answers = await Promise.all(names.map((name) => post({ name, color: "#009e73" })));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
  await post({ value: 3, name: "Tumor", color: "#cc79a7" });
  const labels = [
    { value: 1, name: "Object", color: "#3ba7ff" },
    { value: 2, name: "Liver", color: "#009e73" },
    { value: 3, name: "Tumor", color: "#cc79a7" },
    { value: 4, name: "Left kidney", color: "#009e73" },
    { value: 5, name: "Right kidney", color: "#009e73" },
  ];
  expect((await ask("POST", `${url}/session`, { tab: TAB })).json().labels).toEqual(labels);
  const path = join(folder, "tendril.json");
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ tendril: 1, labels });
  for (const [body, status, code] of [
    [{ name: "liver", color: "#000000" }, 422, "bad-label"],
    [{ name: "a\nb", color: "#000000" }, 422, "bad-label"],
    [{ value: 77, name: "a", color: "#000000" }, 422, "bad-label"],
    [{ name: "a", color: "red" }, 400, "bad-request"],
    [{ name: "a" }, 400, "bad-request"],
  ] as const) {
    const refused = await post(body);
    expect([refused.statusCode, refused.json()]).toEqual([status, error(code)]);
  }
  await writeFile(path, "{");
  const damaged = await post({ name: "Vessel", color: "#000000" });
  expect([damaged.statusCode, damaged.json()]).toEqual([409, error("bad-project-file")]);
  expect(await readFile(path, "utf8")).toBe("{");
});

test("a second tab looks on until the first has been silent for 10 s, and then the first is told", async () => {
  const { ask, url, clock } = await oneImage();
  const { actions } = session(4, 3);
  const writes = async (tab: string) => (await ask("POST", `${url}/session`, { tab })).json().writer;
  expect(await writes(TAB)).toBe(true);
  expect(await writes(OTHER_TAB)).toBe(false);
  clock.now += SILENCE - 1;
  // An empty list keeps the place.
  expect((await ask("POST", `${url}/actions`, { tab: TAB, after: 0, actions: [] })).json()).toEqual({ saved: 0 });
  clock.now += SILENCE - 1;
  expect(await writes(OTHER_TAB)).toBe(false);
  const refused = await ask("POST", `${url}/actions`, { tab: OTHER_TAB, after: 0, actions });
  expect([refused.statusCode, refused.json()]).toEqual([409, error("not-writer")]);
  clock.now += 1;
  expect(await writes(OTHER_TAB)).toBe(true);
  expect((await ask("POST", `${url}/actions`, { tab: OTHER_TAB, after: 0, actions })).json()).toEqual({ saved: 3 });
  expect((await ask("POST", `${url}/actions`, { tab: TAB, after: 0, actions })).json()).toEqual(error("not-writer"));
  // Later still the first one, which knows nothing of these three, may write again, but not over them.
  clock.now += SILENCE;
  expect((await ask("POST", `${url}/actions`, { tab: TAB, after: 0, actions })).json()).toEqual(error("conflict"));
});

test("a tab that was silent for long goes on where it was when nobody took its place", async () => {
  const { ask, url, clock } = await oneImage();
  const { actions } = session(5, 4);
  await ask("POST", `${url}/session`, { tab: TAB });
  await ask("POST", `${url}/actions`, { tab: TAB, after: 0, actions: actions.slice(0, 2) });
  clock.now += 3600_000;
  const answer = await ask("POST", `${url}/actions`, { tab: TAB, after: 2, actions: actions.slice(2) });
  expect(answer.json()).toEqual({ saved: 4 });
});

test("what another program does to the journal is told as a conflict, and a new session sees it", async () => {
  const first = await oneImage();
  const second = await made([first.image]);
  const { actions } = session(6, 4);
  await first.ask("POST", `${first.url}/session`, { tab: TAB });
  await first.ask("POST", `${first.url}/actions`, { tab: TAB, after: 0, actions: actions.slice(0, 2) });
  await second.ask("POST", `${first.url}/session`, { tab: OTHER_TAB });
  await second.ask("POST", `${first.url}/actions`, { tab: OTHER_TAB, after: 2, actions: actions.slice(2) });
  const answer = await first.ask("POST", `${first.url}/actions`, { tab: TAB, after: 2, actions: actions.slice(2) });
  expect([answer.statusCode, answer.json()]).toEqual([409, error("changed-on-disk")]);
  expect((await first.ask("POST", `${first.url}/session`, { tab: TAB })).json().actions).toEqual(actions.map(toText));
});

test("the exported mask lies beside the image, and the download is the same file", async () => {
  const { ask, url, folder } = await oneImage();
  const { actions, history } = session(7, 20);
  await ask("POST", `${url}/session`, { tab: TAB });
  await ask("POST", `${url}/actions`, { tab: TAB, after: 0, actions });
  const inside = history.annotation.data.filter((value) => value & INSIDE).length;
  expect((await ask("POST", `${url}/export`, { tab: TAB })).json()).toEqual({ path: "labels/scan_seg.png", inside });
  const file = await readFile(join(folder, "labels", "scan_seg.png"));
  const download = await ask("GET", `${url}/mask`);
  expect(download.rawPayload).toEqual(file);
  expect(download.headers["content-disposition"]).toBe("attachment; filename*=UTF-8''scan_seg.png");
  expect(Array.from(decodeImage(file, "m.png").data).filter((value) => value === 1).length).toBe(inside);
});

describe("a request that makes no sense gets a status and a sentence, and changes nothing", () => {
  const good = session(8, 1).actions;
  const requests: [string, "GET" | "POST", string, object | undefined, number, string][] = [
    ["an id that is none", "GET", "/api/images/0123456789abcdef/file", undefined, 404, "no-image"],
    ["a path for an id", "GET", "/api/images/..%2f..%2fetc%2fpasswd/file", undefined, 404, "no-image"],
    ["a route that is none", "GET", "/api/nothing", undefined, 404, "not-found"],
    ["no tab", "POST", "ID/session", {}, 400, "bad-request"],
    ["a tab that is no UUID", "POST", "ID/session", { tab: "1" }, 400, "bad-request"],
    ["a key too many", "POST", "ID/session", { tab: TAB, force: true }, 400, "bad-request"],
    ["a count below zero", "POST", "ID/actions", { tab: TAB, after: -1, actions: good }, 400, "bad-request"],
    ["a wrong count", "POST", "ID/actions", { tab: TAB, after: 3, actions: good }, 409, "conflict"],
    ["no action", "POST", "ID/actions", { tab: TAB, after: 0, actions: [{ kind: "x" }] }, 422, "bad-action"],
    [
      "a delta beyond the image",
      "POST",
      "ID/actions",
      {
        tab: TAB,
        after: 0,
        actions: [
          { kind: "brush", mark: "inside", stroke: { points: [[0, 0]], width: 1 }, delta: [1199, 2, 0, 7], at: 0 },
        ],
      },
      422,
      "bad-action",
    ],
    ["a session of more than 1 MiB", "POST", "ID/session", { tab: "x".repeat(2 ** 20) }, 413, "too-large"],
  ];
  test.each(requests)("%s", async (_, method, path, body, status, code) => {
    const { ask, url, folder } = await oneImage();
    const answer = await ask(method, path.replace("ID", url), body);
    expect([answer.statusCode, answer.json()]).toEqual([status, error(code)]);
    expect(await readdir(folder)).toEqual(["scan.png"]);
  });

  test("JSON that is cut short", async () => {
    const { server, url } = await oneImage();
    const request = asOurPage("POST", `${url}/session`);
    const headers = { ...request.headers, "content-type": "application/json" };
    const answer = await server.inject({ ...request, headers, payload: '{"tab":' });
    expect([answer.statusCode, answer.json()]).toEqual([400, error("bad-request")]);
  });
});

test("an image that is damaged, deleted or has another's journal is refused with its reason when it is chosen", async () => {
  const { ask, url, image, folder } = await oneImage();
  await ask("POST", `${url}/session`, { tab: TAB });
  await ask("POST", `${url}/actions`, { tab: TAB, after: 0, actions: session(9, 2).actions });
  const chosen = async () => {
    const answer = await ask("POST", `${url}/session`, { tab: TAB });
    return [answer.statusCode, answer.json()];
  };
  const bytes = await readFile(image);
  await writeFile(image, bytes.subarray(0, 300));
  expect(await chosen()).toEqual([422, error("cut-short")]);
  await writeFile(image, imageBytes(GRID, 99));
  expect(await chosen()).toEqual([409, error("other-image")]);
  await rm(image);
  expect(await chosen()).toEqual([404, error("ENOENT")]);
  await writeFile(image, bytes);
  await writeFile(join(folder, "tendril.json"), "{");
  expect(await chosen()).toEqual([409, error("bad-project-file")]);
  await rm(join(folder, "tendril.json"));
  expect((await ask("POST", `${url}/session`, { tab: TAB })).json().actions).toEqual(session(9, 2).actions.map(toText));
});

test("images of the same name in different folders are told apart and do not share their work", async () => {
  const place = await folder();
  for (const name of ["a", "b"]) {
    await mkdir(join(place, name));
    await writeFile(join(place, name, "scan.png"), imageBytes(GRID, name.charCodeAt(0)));
  }
  const { ask, images } = await made([join(place, "a"), join(place, "b", "scan.png"), join(place, "a", "scan.png")]);
  expect(images.list().map(({ name }) => name)).toEqual(["a/scan.png", "b/scan.png"]);
  for (const [i, { id }] of images.list().entries()) {
    await ask("POST", `/api/images/${id}/session`, { tab: TAB });
    await ask("POST", `/api/images/${id}/actions`, { tab: TAB, after: 0, actions: session(i, 3 + i).actions });
  }
  const { images: listed } = (await ask("GET", "/api/images")).json();
  expect(listed.map(({ actions }: { actions: number }) => actions)).toEqual([3, 4]);
});

test("a link in a folder that leads out of it is refused", async () => {
  const { image } = await folderWithImage();
  const place = await folder();
  await symlink(image, join(place, "link.png"));
  const { images } = await made([place]);
  expect(images.list()).toEqual([]);
  expect(images.refused).toMatchObject([
    { name: "link.png", message: expect.stringMatching(/lies outside the folder/) },
  ]);
});

describe("a dropped file", () => {
  const drop = (
    server: Awaited<ReturnType<typeof made>>,
    name: string,
    bytes: Uint8Array,
    type = "application/octet-stream",
  ) => {
    const request = asOurPage("POST", `/api/images?name=${encodeURIComponent(name)}`);
    const headers = { ...request.headers, "content-type": type };
    return server.server.inject({ ...request, headers, payload: Buffer.from(bytes) });
  };

  test("is kept in the project folder and opened; the same again is the same image, other bytes get a new name", async () => {
    const server = await made([]);
    const [one, two] = [imageBytes(GRID, 1), imageBytes(GRID, 2)];
    const { id } = (await drop(server, "scan.png", one)).json();
    expect((await drop(server, "scan.png", one, "image/png")).json()).toEqual({ id });
    expect((await drop(server, "SCAN.PNG", two)).json().id).not.toBe(id);
    expect((await readdir(server.drops)).sort()).toEqual(["SCAN-2.png", "scan.png"]);
    expect(new Uint8Array(await readFile(join(server.drops, "scan.png")))).toEqual(one);
    expect(server.images.list().map(({ name }) => name)).toEqual(["scan.png", "SCAN-2.png"]);
    expect((await server.ask("POST", `/api/images/${id}/session`, { tab: TAB })).json().writer).toBe(true);
  });

  test("that is no image, is cut short or comes as another type is refused, and nothing of it stays", async () => {
    const server = await made([]);
    const text = await drop(server, "scan.png", Buffer.from("hello"));
    expect([text.statusCode, text.json()]).toEqual([422, error("not-png")]);
    expect(text.json().error.message).toMatch(/^scan\.png is a text file/);
    expect((await drop(server, "scan.png", imageBytes().subarray(0, 200))).json()).toMatchObject({
      error: { code: "cut-short" },
    });
    expect((await drop(server, "scan.png", imageBytes(), "text/plain")).statusCode).toBe(415);
    expect((await drop(server, "scan.png", imageBytes(), "application/json")).statusCode).toBe(415);
    expect((await server.ask("POST", "/api/images?name=")).statusCode).toBe(415);
    expect(await readdir(server.drops)).toEqual([]);
  });

  test("cannot choose a place: names are ours, whatever is sent", async () => {
    const names: [string, string][] = [
      ["../../etc/passwd", "passwd"],
      ["..\\..\\windows\\system.ini", "system"],
      ["C:\\con.png", "_con"],
      ["nul", "_nul"],
      ["/abs/olute.png", "olute"],
      ["a\0b.png", "a_b"],
      [".hidden.png", "hidden"],
      ["..", "image"],
      ["...png", "image"],
      ["", "image"],
      ["aux.journal.png", "_aux.journal"],
      ["\\\\server\\share\\x.png", "x"],
      ["file:///etc/hosts", "hosts"],
      ["%2e%2e%2fx.png", "%2e%2e%2fx"],
      ["tab\tname?.png", "tab_name_"],
      ["e\u0301tude.png", "\u00e9tude"],
      ["\ud800broken.png", "broken"],
      ["\u03b1".repeat(200), "\u03b1".repeat(50)],
    ];
    for (const [name, stem] of names) expect([name, cleanStem(name)]).toEqual([name, stem]);
    const server = await made([]);
    for (const [i, [name]] of names.entries())
      if (name && !name.includes("\ud800"))
        expect([name, (await drop(server, name, imageBytes(GRID, i))).statusCode]).toEqual([name, 200]);
    expect(dirname(server.drops)).toBe(join(server.drops, ".."));
    expect((await readdir(join(server.drops, ".."))).sort()).toEqual(["app", "drops", "model", "secret.txt"]);
    for (const name of await readdir(server.drops)) expect(name).toMatch(/^[^.][^/\\:]*\.png$/u);
  });

  test("ten of one name at once get ten names", async () => {
    const server = await made([]);
    await Promise.all(Array.from({ length: 10 }, (_, i) => drop(server, "scan.png", imageBytes(GRID, i))));
    expect((await readdir(server.drops)).length).toBe(10);
    expect(server.images.list().length).toBe(10);
  });
});

describe("files", () => {
  test("the page, its parts and the model are served with their types", async () => {
    const { ask } = await made([]);
    const page = await ask("GET", "/");
    expect([page.statusCode, page.headers["content-type"], page.body]).toEqual([
      200,
      "text/html; charset=utf-8",
      "<!doctype html><title>Tendril</title>",
    ]);
    expect((await ask("GET", "/assets/main.js")).headers["content-type"]).toMatch(/javascript/);
    expect((await ask("GET", "/models/model.json")).body).toBe("{}");
    expect((await ask("GET", "/models/notes.txt")).statusCode).toBe(404);
  });

  test("the page can ask whether there is a model, and for the pretrained segmenter where it is installed", async () => {
    const parts = await folder();
    const segmenter = { encoder: join(parts, "encoder.onnx"), decoder: join(parts, "sam.onnx") };
    await writeFile(segmenter.encoder, "an encoder");
    await writeFile(segmenter.decoder, "a decoder");
    const { ask } = await made([], { segmenter });
    expect((await ask("GET", "/models/index.json")).json()).toEqual({ hasModel: true, segmenter: true });
    const { body, headers } = await ask("GET", "/models/pretrained/encoder.onnx");
    expect([body, headers["content-length"], headers["cross-origin-resource-policy"]]).toEqual([
      "an encoder",
      "10",
      "same-origin",
    ]);
    expect((await ask("GET", "/models/pretrained/decoder.onnx")).body).toBe("a decoder");
    const { ask: without } = await made([], { model: () => "/nowhere" });
    expect((await without("GET", "/models/index.json")).json()).toEqual({ hasModel: false, segmenter: false });
    expect((await without("GET", "/models/pretrained/encoder.onnx")).statusCode).toBe(404);
  });

  test("nothing beside them is, however it is written", async () => {
    const { ask } = await made([]);
    const ways = [
      "../secret.txt",
      "..%2fsecret.txt",
      "%2e%2e/secret.txt",
      "..%5csecret.txt",
      "....//secret.txt",
      "%00/../secret.txt",
    ];
    ways.push(
      "..%252fsecret.txt",
      "./../secret.txt",
      "assets/../../secret.txt",
      "assets%2f..%2f..%2fsecret.txt",
      "\\..\\secret.txt",
    );
    for (const prefix of ["/", "/models/", "/models/pretrained/../../", "/assets/"])
      for (const way of ways) {
        const { statusCode, body } = await ask("GET", prefix + way);
        expect([prefix + way, statusCode >= 400, body.includes("not to be served")]).toEqual([
          prefix + way,
          true,
          false,
        ]);
      }
  });

  test("without a built page or a model the server says how to build, and the rest works", async () => {
    const { image } = await folderWithImage();
    const { ask } = await made([image], { page: "/nowhere", model: () => "/nowhere" });
    const page = await ask("GET", "/");
    expect([page.statusCode, page.body]).toEqual([503, "The page is not built yet. Run: npm run build\n"]);
    expect((await ask("GET", "/models/model.json")).statusCode).toBe(404);
    expect((await ask("GET", "/api/images")).json().images.length).toBe(1);
  });
});

test("a defect is answered without its text and told to whoever started the server", async () => {
  const { image } = await folderWithImage();
  const told: unknown[] = [];
  const { ask, images } = await made([image], { onDefect: (error) => told.push(error) });
  images.list = () => {
    throw new Error("secret detail");
  };
  const answer = await ask("GET", "/api/images");
  expect([answer.statusCode, answer.json()]).toEqual([500, error("defect")]);
  expect(answer.body).not.toMatch(/secret/);
  expect(told).toMatchObject([{ message: "secret detail" }]);
});
