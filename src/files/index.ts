/** Files read within limits and written whole or not at all. Node only. */
export * from "./errors.ts";
export * from "./read.ts";
export * from "./write.ts";
