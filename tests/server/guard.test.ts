import { expect, test } from "vitest";
import { folderWithImage } from "../project/made.ts";
import { HOST, made, PORT, TAB, TOKEN } from "./made.ts";

const HOSTS = [
  HOST,
  `localhost:${PORT}`,
  "127.0.0.1",
  `127.0.0.1:${PORT + 1}`,
  `[::1]:${PORT}`,
  `evil.example:${PORT}`,
  `127.0.0.1.evil.example:${PORT}`,
  "",
];
/** Undefined: no Origin header, and the browser says what stands after the slash about the site. */
const ORIGINS = [
  `http://${HOST}`,
  `http://localhost:${PORT}`,
  `https://${HOST}`,
  `http://127.0.0.1:${PORT + 1}`,
  "http://evil.example",
  "null",
  "/same-origin",
  "/cross-site",
] as const;
const METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS"] as const;
const TYPES = [
  "application/json",
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "",
];
const TOKENS = [TOKEN, `${TOKEN}x`, TOKEN.slice(0, -1), undefined];

/** The written table: what each combination may get. */
function expected(host: string, origin: string, method: string, type: string, token: string | undefined): number {
  if (host !== HOST && host !== `localhost:${PORT}`) return 403;
  const isOwnRead = method === "GET" && origin === "/same-origin";
  if (origin !== `http://${host}` && !isOwnRead) return 403;
  if (token !== TOKEN) return 401;
  if (method === "GET") return 200;
  if (method !== "POST") return 404;
  return type === "application/json" ? 200 : 415;
}

test("of 6,400 combinations of host, origin, method, content type and token only the listed ones pass", async () => {
  const { image } = await folderWithImage();
  const { server, images } = await made([image]);
  const [{ id }] = images.list();
  const wrong: unknown[] = [];
  let passed = 0;
  for (const host of HOSTS)
    for (const origin of ORIGINS)
      for (const method of METHODS)
        for (const type of TYPES)
          for (const token of TOKENS) {
            const isRead = method === "GET";
            const { statusCode, headers } = await server.inject({
              method,
              url: isRead ? "/api/images" : `/api/images/${id}/session`,
              headers: {
                host,
                ...(origin.startsWith("/") ? { "sec-fetch-site": origin.slice(1) } : { origin }),
                ...(type && !isRead ? { "content-type": type } : {}),
                ...(token ? { "x-tendril-token": token } : {}),
              },
              ...(isRead ? {} : { payload: JSON.stringify({ tab: TAB }) }),
            });
            if (statusCode === 200) passed++;
            if (Object.keys(headers).some((name) => name.startsWith("access-control"))) wrong.push([method, "CORS"]);
            const should = expected(host, origin, method, type, token);
            if (statusCode !== should) wrong.push({ host, origin, method, type, token, statusCode, should });
          }
  expect(wrong).toEqual([]);
  // Two hosts, each with its own origin (reads: or none), any type for a read and JSON for a write.
  expect(passed).toBe(2 * 2 * TYPES.length + 2);
});

test("every answer carries the policy, refused and missing ones too", async () => {
  const { server } = await made([]);
  const requests = [
    { url: "/", headers: { host: HOST } },
    { url: "/nothing", headers: { host: HOST } },
    { url: "/api/images", headers: { host: HOST } },
    { url: "/", headers: { host: "evil.example" } },
    { url: "/models/model.json", headers: { host: HOST } },
    { url: "/models/index.json", headers: { host: HOST } },
    { url: "/models/index.json", headers: { host: "evil.example" } },
  ];
  for (const request of requests) {
    const { headers } = await server.inject(request);
    expect(headers).toMatchObject({
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
    });
    const policy = String(headers["content-security-policy"]);
    expect(policy).toMatch(/^default-src 'self'; script-src 'self' 'wasm-unsafe-eval';/);
    expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'|https?:|\*/);
  }
});

test("an address written in another way meets the same guard", async () => {
  const { server } = await made([]);
  for (const url of [
    "/%61pi/images",
    "/api//images",
    "//api/images",
    "/api/../api/images",
    "/API/images",
    "/api/images/",
  ]) {
    const { statusCode, body } = await server.inject({ url, headers: { host: HOST, "sec-fetch-site": "same-origin" } });
    expect([url, [401, 404].includes(statusCode)]).toEqual([url, true]);
    expect(body).not.toMatch(/"images"/);
  }
});

test("a token given twice, or in the address, is none", async () => {
  const { server } = await made([]);
  const headers = { host: HOST, "sec-fetch-site": "same-origin" };
  const twice = await server.inject({ url: "/api/images", headers: { ...headers, "x-tendril-token": [TOKEN, TOKEN] } });
  expect(twice.statusCode).toBe(401);
  expect((await server.inject({ url: `/api/images?token=${TOKEN}`, headers })).statusCode).toBe(401);
});
