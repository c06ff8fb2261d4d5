import { expect, test } from "vitest";

import { percent, largest } from "../telemetry/Breakdown";
import { hasTerm, toggleTerm } from "./FilterBar";
import { quote } from "./copy";
import { readLabels } from "./Labels";

test("a chip adds its term, takes the place of another value of the field, and takes it away again", () => {
  expect(toggleTerm("web", "state=online")).toBe("web state=online");
  expect(toggleTerm("web state=offline", "state=online")).toBe("web state=online");
  expect(toggleTerm("web state=online", "state=online")).toBe("web");
  expect(hasTerm("web state=online", "state=on")).toBe(false);
});

test("a command line quotes what a shell would take apart", () => {
  expect(quote("web-1")).toBe("web-1");
  expect(quote("it's here")).toBe("'it'\\''s here'");
  expect(quote("$(reboot)")).toBe("'$(reboot)'");
});

test("labels are read as key=value, and what is none is said", () => {
  expect(readLabels(["a=b", "note=x=y"])).toEqual({ labels: { a: "b", note: "x=y" } });
  expect(readLabels(["alone"]).problem).toContain("alone");
});

test("999 of 1,000 is not everything, and small parts are one", () => {
  expect(percent(999, 1_000)).toBe("99.9%");
  expect(percent(9_999, 10_000)).toBe("99.9%");
  const parts = Array.from({ length: 9 }, (_, index) => ({ name: `v${index}`, count: 9 - index }));
  expect(largest(parts)).toHaveLength(6);
  expect(largest(parts).reduce((sum, part) => sum + part.count, 0)).toBe(45);
});
