// The manager's contract over gRPC-Web, with the browser's session as the credential.
import { type Client, Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { isNoAnswer } from "./problem";
import { Access } from "./generated/atoll/v1/access_pb";
import { Audit } from "./generated/atoll/v1/audit_pb";
import { Fleet } from "./generated/atoll/v1/fleet_pb";
import { Sharing } from "./generated/atoll/v1/sharing_pb";
import { Telemetry } from "./generated/atoll/v1/telemetry_pb";

export type Api = {
  access: Client<typeof Access>;
  audit: Client<typeof Audit>;
  fleet: Client<typeof Fleet>;
  sharing: Client<typeof Sharing>;
  telemetry: Client<typeof Telemetry>;
};

/** Longest wait for an answer to a single call; bulk acts on a whole fleet are the slowest. */
const TIMEOUT_MS = 60_000;
/** An answer that takes longer than this may never come. */
const SLOW_MS = 4_000;

let sessionEnded: () => void = () => {};

/** Says whom to tell when the manager no longer knows this browser. */
export function onSessionEnd(tell: () => void): void {
  sessionEnded = tell;
}

/** The manager has said that it does not know this browser, in a call or on the live stream. */
export function tellSessionEnd(): void {
  sessionEnded();
}

let doubt: () => void = () => {};

/** Says whom to tell when it is in doubt that the manager is reached. */
export function onDoubt(tell: () => void): void {
  doubt = tell;
}

const watchConnection: Interceptor = (next) => async (request) => {
  const timer = setTimeout(doubt, SLOW_MS);
  try {
    return await next(request);
  } catch (error) {
    if (isNoAnswer(error)) doubt();
    throw error;
  } finally {
    clearTimeout(timer);
  }
};

const watchSession: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    if (ConnectError.from(error).code === Code.Unauthenticated) sessionEnded();
    throw error;
  }
};

export function createApi(transport: Transport): Api {
  return {
    access: createClient(Access, transport),
    audit: createClient(Audit, transport),
    fleet: createClient(Fleet, transport),
    sharing: createClient(Sharing, transport),
    telemetry: createClient(Telemetry, transport),
  };
}

export let api: Api = createApi(
  createGrpcWebTransport({
    baseUrl: globalThis.location?.origin ?? "http://localhost",
    interceptors: [watchSession, watchConnection],
    defaultTimeoutMs: TIMEOUT_MS,
  }),
);

/** Puts another implementation of the contract in place: the typed fake of unit tests. */
export function replaceApi(other: Api): void {
  api = other;
}
