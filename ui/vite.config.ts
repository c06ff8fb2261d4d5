import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The manager serves the built files and the contract on one port; nothing stands in between.
export default defineConfig({
  plugins: [react()],
  build: {
    // No data: addresses for scripts and styles: the content-security policy allows files of our own only.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
    target: "es2023",
    rolldownOptions: {
      // The shared worker is an entry of the same build, so that it takes the contract's code from the file that the
      // page has loaded already. Its own address never changes: all tabs must find the same worker.
      input: { index: "index.html", live: "src/live/worker.ts" },
      output: {
        entryFileNames: (chunk) => (chunk.name === "live" ? "live.js" : "assets/[name]-[hash].js"),
        codeSplitting: { groups: [{ name: "contract", test: /node_modules\/@(bufbuild|connectrpc)\/|src\/api\/generated\// }] },
      },
    },
  },
  server: {
    proxy: { "^/(atoll\\.v1\\.|session|livez)": "http://127.0.0.1:7400" },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test/setup.ts"],
  },
});
