// Shows a page of the application over a fake of the contract: the real routes, cache and components, no network.
import { MantineProvider } from "@mantine/core";
import { createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRouter, RouterProvider } from "@tanstack/react-router";
import { render } from "@testing-library/react";

import { createApi, replaceApi } from "../api/client";
import { Access } from "../api/generated/atoll/v1/access_pb";
import { Audit } from "../api/generated/atoll/v1/audit_pb";
import { Fleet } from "../api/generated/atoll/v1/fleet_pb";
import { Sharing } from "../api/generated/atoll/v1/sharing_pb";
import { Telemetry } from "../api/generated/atoll/v1/telemetry_pb";
import { createQueryClient } from "../api/query";
import { router } from "../shell/router";

export type Fake = {
  access?: Partial<ServiceImpl<typeof Access>>;
  audit?: Partial<ServiceImpl<typeof Audit>>;
  fleet?: Partial<ServiceImpl<typeof Fleet>>;
  sharing?: Partial<ServiceImpl<typeof Sharing>>;
  telemetry?: Partial<ServiceImpl<typeof Telemetry>>;
};

/** Puts a fake in the place of the manager. What it does not implement answers so. */
export function putFake(fake: Fake): void {
  const transport = createRouterTransport(({ service }) => {
    service(Access, fake.access ?? {});
    service(Audit, fake.audit ?? {});
    service(Fleet, fake.fleet ?? {});
    service(Sharing, fake.sharing ?? {});
    service(Telemetry, fake.telemetry ?? {});
  });
  replaceApi(createApi(transport));
}

/** Goes to an address of the application. */
export function renderAt(address: string, fake: Fake) {
  putFake(fake);
  const history = createMemoryHistory({ initialEntries: [address] });
  const queries = createQueryClient();
  const own = createRouter({ routeTree: router.routeTree, history });
  const view = render(
    <MantineProvider>
      <QueryClientProvider client={queries}>
        <RouterProvider router={own} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  return { ...view, history, queries };
}
