/** Builds the page into dist/app; nothing in it is fetched from elsewhere. */
import { defaultClientConditions, defineConfig } from "vite";
import solid from "vite-plugin-solid";

export default defineConfig({
  root: "src/app",
  base: "./",
  plugins: [solid()],
  resolve: {
    // The page runs its small model on the CPU: the runtime's WebGPU build, 27 MB, stays out of it.
    alias: [
      { find: /^onnxruntime-web\/webgpu$/, replacement: "onnxruntime-web/wasm" },
      {
        find: /^onnxruntime-web\/ort-wasm-simd-threaded\.asyncify\./,
        replacement: "onnxruntime-web/ort-wasm-simd-threaded.",
      },
    ],
    // Without the copy of the runtime's script inside its bundle: it is a file of its own, which the threads load too.
    conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions],
  },
  worker: { format: "es" },
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
