import { defineConfig } from "vitest/config";

// A real browser before a real manager with real agents: one after the other, so that figures and waits mean something.
export default defineConfig({
  test: {
    environment: "node",
    include: [process.env["ATOLL_PICTURES"] ? "tests/pictures/**/*.test.ts" : "tests/browser/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default"],
  },
});
