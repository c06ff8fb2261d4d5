import { describe, expect, it } from "vitest";

import { moved, otherProperties, scriptsOf, shownValue, withControl, withProperty } from "./content";

const template = {
  Name: "A",
  Properties: {
    "Octopus.Action.Script.ScriptBody": "echo hello",
    "Octopus.Action.Script.Syntax": "Bash",
    "Octopus.Action.RunOnServer": "True",
  },
  Kept: { as: "it is" },
};

describe("the content of a template", () => {
  it("names the script's language and keeps the rest apart", () => {
    expect(scriptsOf(template)).toEqual([{ property: "Octopus.Action.Script.ScriptBody", label: "Script", syntax: "Bash", body: "echo hello" }]);
    expect(otherProperties(template).map(([name]) => name)).toEqual(["Octopus.Action.Script.Syntax", "Octopus.Action.RunOnServer"]);
  });

  it("changes one property and nothing else", () => {
    const next = withProperty(template, "Octopus.Action.RunOnServer", "False");
    expect(next).toEqual({ ...template, Properties: { ...template.Properties, "Octopus.Action.RunOnServer": "False" } });
  });

  it("never shows a sensitive value", () => {
    expect(shownValue({ HasValue: true, NewValue: "secret" }).text).toBe("sensitive, set");
    expect(shownValue("secret", true).text).toBe("sensitive, set");
    expect(shownValue("open")).toEqual({ text: "open", isValue: true });
  });

  it("moves parameters without leaving the list", () => {
    expect(moved(["a", "b", "c"], 0, 1)).toEqual(["b", "a", "c"]);
    expect(moved(["a", "b", "c"], 2, 1)).toEqual(["a", "b", "c"]);
    expect(moved(["a", "b", "c"], 0, -1)).toEqual(["a", "b", "c"]);
  });

  it("keeps options only where there is something to choose", () => {
    const parameter = { Name: "P", DisplaySettings: { "Octopus.ControlType": "Select", "Octopus.SelectOptions": "a|A", Other: "kept" } };
    expect(withControl(parameter, "SingleLineText", "a|A")["DisplaySettings"]).toEqual({ "Octopus.ControlType": "SingleLineText", Other: "kept" });
  });
});
