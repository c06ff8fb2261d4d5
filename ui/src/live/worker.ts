// Runs once for all tabs of this browser, so that one stream serves them all: over HTTP/1.1 a browser opens only six
// connections to a manager, and a stream for each tab would use them up.
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { Telemetry } from "../api/generated/atoll/v1/telemetry_pb";
import { LiveLink } from "./link";
import type { ToTab, ToWorker } from "./message";

const scope = self as unknown as SharedWorkerGlobalScope;
const tabs = new Map<MessagePort, boolean>();
const telemetry = createClient(Telemetry, createGrpcWebTransport({ baseUrl: scope.location.origin }));

const link = new LiveLink(
  (resumeToken, signal) => telemetry.watch({ resumeToken }, { signal }),
  (message: ToTab) => tabs.forEach((_, tab) => tab.postMessage(message)),
);

function look(): void {
  link.look([...tabs.values()].some((isVisible) => isVisible));
}

scope.onconnect = (event) => {
  const tab = event.ports[0];
  if (!tab) return;
  tabs.set(tab, true);
  tab.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    if (data.kind === "bye") tabs.delete(tab);
    else if (data.kind === "signed-in") link.signedIn();
    else tabs.set(tab, data.kind === "visible");
    look();
  };
  tab.postMessage({ kind: "state", state: link.state } satisfies ToTab);
  look();
};
