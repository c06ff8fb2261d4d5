import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, it } from "vitest";

import {
  GetResourceResponseSchema,
  ResourceSchema,
  RevisionSchema,
  type SaveResourceRequest,
  SaveResourceResponseSchema,
} from "../../api/generated/atoll/v1/sharing_pb";
import { ErrorInfoSchema } from "../../api/generated/google/rpc/error_details_pb";
import { putFake } from "../../test/render";
import { importFile } from "./import";
import { TEMPLATE } from "./kind";

let asked: SaveResourceRequest[] = [];

/** A manager that has one template named Known, and takes any other. */
beforeEach(() => {
  asked = [];
  putFake({
    sharing: {
      getResource: () =>
        create(GetResourceResponseSchema, { revision: create(RevisionSchema, { id: "head" }), content: '{"Name":"Known","Description":"there"}' }),
      saveResource: (request) => {
        asked.push(request);
        const isKnown = request.content.includes("Known");
        if (isKnown && request.baseRevision === "") {
          const info = { desc: ErrorInfoSchema, value: { reason: "BASE_REVISION_NEEDED" } };
          throw new ConnectError("exists already", Code.FailedPrecondition, undefined, [info]);
        }
        const revision = create(RevisionSchema, { id: "new", parents: isKnown ? ["head"] : [] });
        return create(SaveResourceResponseSchema, { resource: create(ResourceSchema, { name: "x" }), revision, changed: true });
      },
    },
  });
});

describe("importing a file", () => {
  it("creates what is not there, marked as imported", async () => {
    expect(await importFile(TEMPLATE, '{"Name":"New"}')).toEqual({ kind: "created", name: "New" });
    expect(asked[0]).toMatchObject({ kind: "step_template", resource: "", imported: true });
  });

  it("asks before it writes over one that exists, and writes on the head that was compared", async () => {
    const result = await importFile(TEMPLATE, '{"Name":"Known","Description":"in the file"}');
    expect(result).toEqual({
      kind: "exists",
      name: "Known",
      head: "head",
      differences: [{ path: "/Description", from: '"there"', to: '"in the file"' }],
    });
    expect(await importFile(TEMPLATE, '{"Name":"Known"}', undefined, "head")).toEqual({ kind: "written", name: "Known" });
    expect(asked.at(-1)?.baseRevision).toBe("head");
  });

  it("has nothing to ask when the file is the same", async () => {
    expect(await importFile(TEMPLATE, '{"Name":"Known","Description":"there","Version":7}')).toEqual({ kind: "same", name: "Known" });
  });

  it("merges a file that knows what it was edited from", async () => {
    await importFile(TEMPLATE, '{"Name":"Known","$revision":"older"}');
    expect(asked[0]?.baseRevision).toBe("older");
    expect(asked[0]?.content).not.toContain("$revision");
  });

  it("says of a file that is no JSON what is wrong with it", async () => {
    const result = await importFile(TEMPLATE, "not json");
    expect(result.kind).toBe("failed");
    expect(asked).toEqual([]);
  });
});
