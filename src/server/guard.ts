/**
 * Who may talk to the server: our own page, in this computer's browser, with the token of this start.
 *
 * Any web page can make a browser send requests to 127.0.0.1, under any host name that its owner points there. So a request
 * needs a Host that is ours, no sign of another origin, and a token that no other page can know; there are no cookies,
 * which all ports of a host share, and no CORS headers.
 */
import { createHash, timingSafeEqual } from "node:crypto";

export const TOKEN_HEADER = "x-tendril-token";

export interface RequestFacts {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** The browser's own word on where the request comes from; absent outside browsers. */
  readonly fetchSite: string | undefined;
  readonly token: string | undefined;
}

export interface Refusal {
  readonly status: 401 | 403;
  readonly code: "host" | "origin" | "token";
  readonly message: string;
}

const READS: readonly string[] = ["GET", "HEAD"];

/** For every request, the page's own files too: another host name would make our page part of another site. */
export function refuseHost({ host }: Pick<RequestFacts, "host">, port: number): Refusal | null {
  if (host === `127.0.0.1:${port}` || host === `localhost:${port}`) return null;
  return { status: 403, code: "host", message: `This server answers to 127.0.0.1:${port} only.` };
}

/** For every request under /api, after `refuseHost`. */
export function refuseCaller(facts: RequestFacts, token: string): Refusal | null {
  if (!isOurPage(facts))
    return { status: 403, code: "origin", message: "Only the page of this server may use it, not another site." };
  if (!isSame(facts.token ?? "", token))
    return {
      status: 401,
      code: "token",
      message: "This page belongs to an earlier start. Open the address that Tendril printed when it started.",
    };
  return null;
}

/** A browser names the origin in every write; in a read it may leave it out, and then says how the page relates to us. */
function isOurPage({ method, host, origin, fetchSite }: RequestFacts): boolean {
  if (origin !== undefined) return origin === `http://${host}`;
  return READS.includes(method) && (fetchSite === "same-origin" || fetchSite === "none");
}

/** Takes the same time whatever is wrong; the digests have one length. */
function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** On every answer. The page may talk to this server alone, and no other page may frame, read or script it. */
export const POLICY: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'self'",
    // The model runs as WebAssembly.
    "script-src 'self' 'wasm-unsafe-eval'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  // These two let the page use threads (SharedArrayBuffer).
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
};
