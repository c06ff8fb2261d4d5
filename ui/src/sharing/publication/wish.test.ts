import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";

import { PublicationSchema } from "../../api/generated/atoll/v1/sharing_pb";
import { newWish, nodesFilter, publicationOf, reachWords, selectorWords, setCommand, whyNotSaved, wishOf } from "./wish";

const item = { resourceId: "r1", kind: "step_template", name: "Restart a service", policy: "latest", version: "" };

describe("a publication", () => {
  it("goes through the form unchanged", () => {
    const publication = create(PublicationSchema, {
      name: "prod",
      selector: { group: "/eu", labels: { environment: "production" } },
      priority: -5,
      editMode: "locked",
      items: [{ ...item, policy: "pin", version: "1.2.0" }],
    });
    expect(publicationOf(wishOf(publication))).toMatchObject({
      name: "prod",
      selector: { group: "/eu", labels: { environment: "production" } },
      priority: -5,
      editMode: "locked",
      items: [{ name: "Restart a service", policy: "pin", version: "1.2.0" }],
    });
  });

  it("says what is missing before it is sent", () => {
    const wish = { ...newWish(), name: "prod" };
    expect(whyNotSaved(newWish())).toBe("Enter a name");
    expect(whyNotSaved(wish)).toBeUndefined();
    expect(whyNotSaved({ ...wish, name: "with a space" })).toContain("letters");
    expect(whyNotSaved({ ...wish, priority: "high" })).toBe("The priority is a whole number");
    expect(whyNotSaved({ ...wish, labels: ["alone"] })).toContain("alone");
    expect(whyNotSaved({ ...wish, items: [{ ...item, policy: "pin" }] })).toBe("Choose the version Restart a service is pinned to");
  });

  it("has its command line", () => {
    const items = [item, { ...item, kind: "variable_set", name: "Database", policy: "pin", version: "1.2.0" }];
    expect(setCommand({ name: "prod", group: "/eu", labels: ["a=b"], priority: "10", mode: "write_through", items })).toBe(
      "atoll publication set prod --group /eu --label a=b --priority 10 --mode write-through --template 'Restart a service' --vars Database@1.2.0",
    );
  });

  it("says whom it reaches", () => {
    const selector = { $typeName: "atoll.v1.Selector", group: "/eu", labels: { environment: "test" } } as const;
    expect(selectorWords(undefined)).toBe("Every node of the fleet");
    expect(selectorWords(selector)).toBe("Nodes in /eu and below that have the labels");
    expect(nodesFilter(selector)).toBe("group=/eu environment=test");
    expect(reachWords({ nodes: 1_200n, gained: 12n, lost: 3n })).toBe("Reaches 1,200 nodes: 12 new, 3 lost.");
    expect(reachWords({ nodes: 1n, gained: 0n, lost: 0n })).toBe("Reaches 1 node: the same nodes as now.");
    expect(reachWords({ nodes: 0n, gained: 0n, lost: 4n })).toBe("Reaches no node: 4 lost.");
  });
});
