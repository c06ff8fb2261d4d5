import { describe, expect, it } from "vitest";

import { holdsSealed, outsideForm, placeText, placeWords, shownJson } from "./place";

describe("a place in words", () => {
  it.each([
    ["", "The whole resource"],
    ["/Description", "Description"],
    ["/Parameters/Timeout/DefaultValue", "Default value of parameter Timeout"],
    ["/Parameters/Timeout", "Parameter Timeout"],
    ["/Parameters/$order", "Order of the parameters"],
    ["/Properties/Octopus.Action.Script.ScriptBody", "Property Octopus.Action.Script.ScriptBody"],
    ["/Variables/Db.Host/Scope/Environment", "Environment of scope of variable Db.Host"],
    ["/Parameters/a~1b/HelpText", "Help text of parameter a/b"],
    ["/Parameters/P/DisplaySettings/Octopus.SelectOptions", "Octopus.SelectOptions of display settings of parameter P"],
  ])("%s", (path, words) => expect(placeText(path)).toBe(words));

  it("sets names apart, so that they can be written in any direction", () => {
    expect(placeWords("/Variables/שלום/Value")).toEqual(["Value", " of ", "variable ", { name: "שלום" }]);
  });
});

describe("a value", () => {
  it("is shown without the manager's own keys", () => {
    const kept = { Parameters: { $items: { k1: { Name: "A" }, k2: { Name: "B" } }, $order: ["k2", "k1"] } };
    expect(outsideForm(kept)).toEqual({ Parameters: [{ Name: "B" }, { Name: "A" }] });
  });

  it("that is sealed is never shown", () => {
    expect(holdsSealed('{"Value":{"$secret":{"version":"1"}}}')).toBe(true);
    expect(holdsSealed('"a text"')).toBe(false);
    expect(shownJson('{"$secret":{"version":"1"}}')).toBe("a sealed value");
  });
});
