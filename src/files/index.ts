/** Files read within limits and written whole or not at all, and where the package lies. Node only. */
export * from "./errors.ts";
export * from "./package.ts";
export * from "./read.ts";
export * from "./write.ts";
