import { expect, test } from "vitest";

import { saysSensitive } from "./sensitive";

test("the word for what is sealed is read as the manager reads it", () => {
  for (const word of ["Sensitive", "sensitive", " SENSITIVE "]) expect(saysSensitive(word)).toBe(true);
  for (const word of ["String", "Sensitive?", "", undefined, true, null]) expect(saysSensitive(word)).toBe(false);
});
