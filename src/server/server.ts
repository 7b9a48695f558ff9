/** The local server: guard and policy in front, /api behind them, what proposes and the page's own files. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { systemCode } from "../files/index.ts";
import { type ApiOptions, addApi } from "./api.ts";
import { type Answer, answer, answerTo, PortError } from "./errors.ts";
import { POLICY, type RequestFacts, refuseCaller, refuseHost, TOKEN_HEADER } from "./guard.ts";
import { addModels, type ModelOptions } from "./models.ts";

const ADDRESS = "127.0.0.1";
/** Bytes. */
const HEADER_LIMIT = 16 * 2 ** 10;
const JSON_LIMIT = 2 ** 20;
/** Milliseconds. */
const IDLE = 30_000;
const CONNECTIONS = 64;

export interface ServerOptions extends ApiOptions, ModelOptions {
  readonly token: string;
  /** Folder of the page's built files; without them the server says how to build them. */
  readonly page: string;
  /** Called with an error that is a defect of ours. */
  readonly onDefect: (error: unknown) => void;
}

export interface RunningServer {
  /** To open in the browser: with the token in the fragment, which browsers never send. */
  readonly address: string;
  readonly port: number;
  /** Ends open connections and an adaptation that runs, and waits for what is being written. */
  close(): Promise<void>;
}

/**
 * @param port  0 for any free one
 * @throws {PortError} when the port cannot be listened on
 */
export async function startServer(options: ServerOptions, port: number): Promise<RunningServer> {
  const server: FastifyInstance = createServer(options, () => portOf(server));
  try {
    await server.listen({ host: ADDRESS, port });
  } catch (cause) {
    await server.close();
    throw portError(port, cause);
  }
  server.server.maxConnections = CONNECTIONS;
  const own = portOf(server);
  return {
    address: `http://${ADDRESS}:${own}/#token=${options.token}`,
    port: own,
    async close() {
      await server.close();
      await options.adaptation.stop();
      await options.desk.close();
    },
  };
}

/** The server before it listens. @param port  where it is reached, asked at each request */
export function createServer(options: ServerOptions, port: () => number): FastifyInstance {
  const server = fastify({
    bodyLimit: JSON_LIMIT,
    connectionTimeout: IDLE,
    keepAliveTimeout: IDLE,
    forceCloseConnections: true,
    http: { maxHeaderSize: HEADER_LIMIT },
  });
  // Writes are JSON: a form or plain text is what a foreign page could send without asking.
  server.removeContentTypeParser("text/plain");
  server.addHook("onRequest", async (request, reply) => {
    reply.headers(POLICY);
    const refusal = refuseHost(factsOf(request), port());
    if (refusal) return send(reply, answer(refusal.status, refusal.code, refusal.message));
  });
  server.setErrorHandler((error, _, reply) => {
    const known = answerTo(error);
    if (!known) options.onDefect(error);
    return send(reply, known ?? DEFECT);
  });
  server.setNotFoundHandler(async (_, reply) => send(reply, NOTHING_HERE));
  server.register(
    async (api) => {
      // Here and not by how the address begins: the router also finds a route that is written with %61 for a.
      api.addHook("onRequest", async (request, reply) => {
        reply.header("cache-control", "no-store");
        const refusal = refuseCaller(factsOf(request), options.token);
        if (refusal) return send(reply, answer(refusal.status, refusal.code, refusal.message));
      });
      api.setNotFoundHandler(async (_, reply) => send(reply, NOTHING_HERE));
      addApi(api, options);
    },
    { prefix: "/api" },
  );
  addFiles(server, options);
  return server;
}

const NOTHING_HERE = answer(404, "not-found", "There is nothing at this address.");
const DEFECT = answer(
  500,
  "defect",
  "Something in Tendril broke; the terminal in which it runs says what. What was saved is still there.",
);

function addFiles(server: FastifyInstance, options: ServerOptions): void {
  const { page } = options;
  const files = { dotfiles: "deny", redirect: false, cacheControl: false, decorateReply: false } as const;
  addModels(server, options);
  if (existsSync(join(page, "index.html"))) {
    server.register(fastifyStatic, { ...files, root: page, prefix: "/" });
  } else {
    server.get("/", async (_, reply) =>
      reply.code(503).type("text/plain; charset=utf-8").send("The page is not built yet. Run: npm run build\n"),
    );
  }
}

function send(reply: FastifyReply, { status, body }: Answer): FastifyReply {
  return reply.code(status).send(body);
}

function factsOf({ method, headers }: FastifyRequest): RequestFacts {
  return {
    method,
    host: headers.host,
    origin: headers.origin,
    fetchSite: single(headers["sec-fetch-site"]),
    token: single(headers[TOKEN_HEADER]),
  };
}

/** A header given once; given more often it counts as missing. */
function single(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function portOf(server: FastifyInstance): number {
  const address = server.server.address();
  return typeof address === "object" && address ? address.port : 0;
}

function portError(port: number, cause: unknown): unknown {
  const code = systemCode(cause);
  if (code === "EADDRINUSE")
    return new PortError(
      "port-in-use",
      `Port ${port} is in use by another program, perhaps another Tendril. Name another one with --port, or --port 0 for any free one.`,
      { cause },
    );
  if (code === "EACCES" || code === "EPERM")
    return new PortError(
      "port-refused",
      `The system does not let you use port ${port}. Name one above 1023 with --port, or --port 0 for any free one.`,
      { cause },
    );
  return cause;
}
