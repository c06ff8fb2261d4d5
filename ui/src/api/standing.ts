// What the frame of the page and several pages ask alike: how the manager is, and who is signed in.
import { useQuery } from "@tanstack/react-query";

import { api } from "./client";

/** The counters; the live stream keeps them up to date. */
export function useStatus() {
  return useQuery({ queryKey: ["status"], queryFn: ({ signal }) => api.telemetry.getStatus({}, { signal }) });
}

export function useWho() {
  return useQuery({ queryKey: ["who"], queryFn: ({ signal }) => api.access.whoAmI({}, { signal }) });
}
