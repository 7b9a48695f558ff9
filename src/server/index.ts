/** The local server. Node only. */
export * from "./adaptation.ts";
export * from "./collection.ts";
export * from "./desk.ts";
export * from "./errors.ts";
export * from "./guard.ts";
export * from "./server.ts";
export * from "./upload.ts";
