import { describe, expect, it } from "vitest";

import { quote } from "../../ui/copy";
import { setCommand, withEntry, wishOf } from "./change";
import { readPlace, writePlace } from "./place";
import { facetsOf, filtered, valuesOf } from "./values";

const set = {
  Name: "Database",
  Variables: [
    { Name: "Db.Port", Value: "5432" },
    { Id: "7", Name: "Db.Host", Value: "anywhere", Scope: {} },
    { Name: "db.host", Value: "eu", Scope: { Machine: ["oct-1"], Environment: ["Pre Production", "Test"] } },
    { Id: "9", Name: "Db.Password", Type: "Sensitive", Value: { $secret: { version: "1" } }, Scope: { TargetRole: ["db"] } },
    { Name: "Db.User", Required: true },
    { Name: "Db.Nothing", Value: null },
  ],
};
const names = (filter: string) => filtered(valuesOf(set), filter).map((value) => value.name);

describe("the values of a set", () => {
  it("stand together by name, whatever the capitals", () => {
    const values = valuesOf(set);
    expect(values.map((value) => value.name)).toEqual(["Db.Host", "db.host", "Db.Nothing", "Db.Password", "Db.Port", "Db.User"]);
    expect(values.slice(0, 2).map((value) => [value.isFirst, value.siblings])).toEqual([[true, 2], [false, 2]]);
  });

  it("tell null from no value, and hold no sensitive text", () => {
    const by = new Map(valuesOf(set).map((value) => [value.name, value]));
    expect(by.get("Db.Nothing")?.value).toBeNull();
    expect(by.get("Db.User")?.value).toBeUndefined();
    expect(by.get("Db.Password")).toMatchObject({ isSensitive: true, value: "", scope: { roles: ["db"] } });
  });

  it("are filtered by the scope that is written, not by where they would apply", () => {
    expect(names("environment=test")).toEqual(["db.host"]);
    expect(names("environment=pre_production")).toEqual(["db.host"]);
    expect(names("scope=everywhere host")).toEqual(["Db.Host"]);
    expect(names("environment!=test target=oct-1")).toEqual([]);
    expect(names("nonsense=1")).toEqual([]);
  });

  it("are counted by scope in words that the filter understands", () => {
    const environment = facetsOf(valuesOf(set)).find((facet) => facet.field === "environment");
    expect(environment?.values.map((one) => one.value)).toEqual(["pre_production", "test"]);
  });

  it("stay quick with thousands", () => {
    const many = { Variables: Array.from({ length: 5_000 }, (_, index) => ({ Name: `App.${index >> 2}`, Value: "x", Scope: { Target: [`node-${index}`] } })) };
    const began = performance.now();
    const values = filtered(valuesOf(many), "app.1");
    facetsOf(values);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

describe("changing a value", () => {
  const password = valuesOf(set).find((value) => value.name === "Db.Password");

  it("moves a sealed value to another scope without reading it", () => {
    const wish = { ...wishOf(password), scope: { environments: ["staging"], roles: [], targets: [], groups: [] } };
    const variables = withEntry(set, password, wish)["Variables"] as unknown[];
    expect(variables[3]).toEqual({ Id: "9", Name: "Db.Password", Type: "Sensitive", Value: { $secret: { version: "1" } }, Scope: { Environment: ["staging"] } });
    expect(variables.filter((_, index) => index !== 3)).toEqual(set.Variables.filter((_, index) => index !== 3));
  });

  it("leaves a scope as it was written when it stays the same", () => {
    const variables = withEntry(set, password, { ...wishOf(password), isRequired: true })["Variables"] as Record<string, unknown>[];
    expect(variables[3]).toMatchObject({ Scope: { TargetRole: ["db"] }, Required: true });
  });

  it("never puts a sensitive value into the command line", () => {
    const command = setCommand("My set", password, { ...wishOf(password), text: "s3cret", isReplaced: true });
    expect(command).toBe("atoll vars set 'My set' Db.Password --sensitive --file SECRET.txt --role db");
    expect(quote("a b")).toBe("'a b'");
  });
});

describe("the place in the address", () => {
  it("comes back as it was, blanks and all", () => {
    const place = { node: "", environment: "Pre Production", role: "", target: "", group: "/eu/prod", words: "db" };
    const { node, filter } = writePlace(place);
    expect(readPlace(node, filter)).toEqual(place);
  });
});
