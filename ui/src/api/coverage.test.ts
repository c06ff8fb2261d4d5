// Every call that an administrator can make is reachable in the UI, or stands here with the reason why not.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { Access } from "./generated/atoll/v1/access_pb";
import { Audit } from "./generated/atoll/v1/audit_pb";
import { Fleet } from "./generated/atoll/v1/fleet_pb";
import { Sharing } from "./generated/atoll/v1/sharing_pb";
import { Telemetry } from "./generated/atoll/v1/telemetry_pb";

const ELSEWHERE: Record<string, string> = {
  "access.createSignInLink": "Makes the link that opens the UI: by the manager when it starts and by `atoll ui open`. Who is in the UI is signed in.",
};

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return entry.name === "generated" || entry.name === "test" ? [] : sources(path);
    return /\.tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [readFileSync(path, "utf8")] : [];
  });
}

test("every administrative call is reachable in the UI, or listed with a reason", () => {
  const code = sources(join(import.meta.dirname, "..")).join("\n");
  const services = { access: Access, audit: Audit, fleet: Fleet, sharing: Sharing, telemetry: Telemetry };
  const calls = Object.entries(services).flatMap(([name, service]) => service.methods.map((method) => `${name}.${method.localName}`));
  expect(calls.length).toBeGreaterThan(50);
  const missing = calls.filter((call) => !new RegExp(`\\b${call.replace(".", "\\s*\\.")}\\(`).test(code));
  expect(missing.toSorted()).toEqual(Object.keys(ELSEWHERE).toSorted());
});
