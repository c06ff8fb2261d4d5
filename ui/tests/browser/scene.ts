// A small fleet in which something of everything has happened: every page has something to show.
import { type Agent, eventually, type Fleet, template } from "./fleet";

export type Scene = { agents: Agent[]; conflict: string; proposal: string };

export const variables = {
  Name: "Database",
  Description: "Where the database is.",
  Variables: [
    { Name: "Db.Host", Value: "localhost" },
    { Name: "Db.Host", Value: "db.eu.example.org", Scope: { Group: ["/eu"] } },
    { Name: "Db.Host", Value: "db.prod.example.org", Scope: { Environment: ["production"] } },
    { Name: "Db.Port", Value: "5432" },
    { Name: "Db.Name", Required: true, Value: null },
  ],
};

const SCRIPT = "#!/bin/bash\nset -euo pipefail\nservice=$1\nsystemctl restart \"$service\"\necho \"$service is up\"\n";

export async function setUp(fleet: Fleet): Promise<Scene> {
  const agents = [
    await fleet.join("prod-1", "/eu/prod", "environment=production", "role=web"),
    await fleet.join("prod-2", "/eu/prod", "environment=production"),
    await fleet.join("test-1", "/eu/test", "environment=test"),
  ];
  for (const name of ["Restart a service", "Say hello"]) await fleet.publish("template", template(name, SCRIPT));
  await fleet.publish("vars", variables);
  await fleet.cli("publication", "set", "everywhere", "--all");
  await fleet.synced();
  await makeConflict(fleet, agents[0] as Agent);
  await agents[1]?.edit("step_template", "Say hello", (document) => {
    document["Description"] = "Says hello, gently.";
  });
  const open = (state: string) =>
    eventually(`something is ${state}`, async () => {
      const list = await fleet.json<{ id: string }[]>(...(state === "open" ? ["conflict", "list"] : ["proposal", "list", "--filter", "state=proposed"]));
      return list[0]?.id;
    });
  const [conflict, proposal] = [await open("open"), await open("proposed")];
  await agents[2]?.stop();
  await fleet.cli("node", "wait", "test-1", "--for", "offline", "--timeout", "30s");
  return { agents, conflict, proposal };
}

/** A node and an administrator change the same place of a template. */
export async function makeConflict(fleet: Fleet, agent: Agent, name = "Restart a service"): Promise<void> {
  await agent.edit("step_template", name, (document) => change(document, "a node's word", SCRIPT.replace("is up", "is up, says the node")));
  const current = JSON.parse(await fleet.cli("template", "export", name)) as Record<string, unknown>;
  change(current, "an administrator's word", SCRIPT.replace("is up", "is up, says the administrator"));
  await fleet.cli("template", "edit", name, "--file", await fleet.write("edit.json", current), "--base", "head", "-m", "clearer words");
  await fleet.cli("template", "publish", name);
}

function change(document: Record<string, unknown>, defaultValue: string, script: string): void {
  const [parameter] = document["Parameters"] as Record<string, unknown>[];
  if (parameter) parameter["DefaultValue"] = defaultValue;
  (document["Properties"] as Record<string, unknown>)["Octopus.Action.Script.ScriptBody"] = script;
}

/** Every page with something on it, by the name of its picture. */
export function pages(scene: Scene): Record<string, string> {
  return {
    overview: "/",
    nodes: "/nodes",
    node: "/nodes/prod-1",
    "node-variables": "/nodes/prod-1?tab=variables",
    "node-events": "/nodes/prod-1?tab=events",
    "node-raw": "/nodes/prod-1?tab=raw",
    groups: "/groups",
    "group-new": "/groups?new=1",
    enrolment: "/enrol",
    "enrolment-wizard": "/enrol?step=new",
    templates: "/templates",
    "template-new": "/templates?new=1",
    template: "/templates/Say%20hello",
    "template-parameters": "/templates/Say%20hello?tab=parameters",
    "template-versions": "/templates/Restart%20a%20service?tab=versions",
    "template-usages": "/templates/Restart%20a%20service?tab=usages",
    "template-publish": "/templates/Restart%20a%20service?tab=publish",
    "template-settings": "/templates/Restart%20a%20service?tab=settings",
    "variable-sets": "/variable-sets",
    "variable-set": "/variable-sets/Database",
    "variable-set-effective": "/variable-sets/Database?tab=effective&node=prod-1",
    publications: "/publications",
    "publication-new": "/publications?new=1",
    publication: "/publications/everywhere",
    proposals: "/proposals",
    proposal: `/proposals/${scene.proposal}`,
    conflicts: "/conflicts",
    conflict: `/conflicts/${scene.conflict}`,
    sync: "/sync",
    access: "/access",
    "access-browsers": "/access?tab=sessions",
    audit: "/audit",
    "not-there": "/nodes/nobody",
  };
}
