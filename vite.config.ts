/** Builds the page into dist/app, with the runtime's own files beside it: nothing is fetched from elsewhere. */
import { defaultClientConditions, defineConfig } from "vite";
import solid from "vite-plugin-solid";

export default defineConfig({
  root: "src/app",
  base: "./",
  plugins: [solid()],
  // The runtime's WebAssembly is given by address (engine/runtime-web.ts): without this, vite would add it a second time.
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions] },
  worker: { format: "es" },
  build: {
    outDir: "../../dist/app",
    emptyOutDir: true,
    target: "es2023",
    // The content policy allows no data: addresses and no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      checks: { bundlerTimings: false },
      // The codecs name Node's own modules for when they run there; in the page they never come to it.
      onLog(level, log, report) {
        if (!/"(fs|path)" has been externalized .*@cornerstonejs/.test(log.message)) report(level, log);
      },
    },
  },
});
