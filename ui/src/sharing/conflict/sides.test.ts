import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";

import { ConflictSchema } from "../../api/generated/atoll/v1/sharing_pb";
import { authors } from "./sides";

const conflict = (manager: { author: string; node?: string }) =>
  create(ConflictSchema, {
    node: "n5",
    nodeSide: "theirs",
    revisions: [manager, { author: "operator", node: "n5" }],
  });

it("says of what a node has made that it only claims who it was, on the manager's side too", () => {
  expect(authors(conflict({ author: "admin", node: "n3" }))).toBe("n3 (claims: admin) and n5 (claims: operator)");
  expect(authors(conflict({ author: "admin" }))).toBe("admin at the manager and n5 (claims: operator)");
  expect(authors(conflict({ author: "" }))).toBe("the manager and n5 (claims: operator)");
});
