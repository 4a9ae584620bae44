import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// `verify` is an entry of its own, so that the verifier is one small file that can be read,
// imported and tested by itself.
export default defineConfig({
  plugins: [svelte()],
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      input: { page: "index.html", verify: "src/verify.ts" },
      preserveEntrySignatures: "exports-only",
    },
  },
});
