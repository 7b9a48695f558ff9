/** Builds the page into dist/app, with the runtime's own files beside it: nothing is fetched from elsewhere. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { defaultClientConditions, defineConfig, type Plugin } from "vite";
import solid from "vite-plugin-solid";

const require = createRequire(import.meta.url);

/** ONNX Runtime loads its WebAssembly and the script of its threads by address: they stay files of their own. */
function runtimeFiles(): Plugin {
  return {
    name: "tendril-runtime-files",
    async generateBundle() {
      for (const name of ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"]) {
        const source = await readFile(require.resolve(`onnxruntime-web/${name}`));
        this.emitFile({ type: "asset", fileName: `assets/${name}`, source });
      }
    },
  };
}

export default defineConfig({
  root: "src/app",
  base: "./",
  plugins: [solid()],
  resolve: {
    // The page runs its small model on the CPU, for which the plain build of the runtime is half as large as the WebGPU one.
    alias: { "onnxruntime-web/webgpu": "onnxruntime-web/wasm" },
    conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions],
  },
  worker: { format: "es", plugins: () => [runtimeFiles()] },
  build: {
    outDir: "../../dist/app",
    emptyOutDir: true,
    target: "es2023",
    // The content policy allows no data: addresses and no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
  },
});
