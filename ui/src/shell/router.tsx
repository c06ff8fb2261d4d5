// Every address of the application, and the page behind it. Pages are loaded when they are gone to.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";

import { Loading, ProblemNote } from "../ui/feedback";
import { listSearch, texts } from "./search";
import { Shell } from "./Shell";

const loaders: (() => Promise<unknown>)[] = [];

function page<T extends Record<string, unknown>, K extends keyof T & string>(load: () => Promise<T>, name: K) {
  loaders.push(load);
  return lazyRouteComponent(load, name);
}

/** Loads the pages that were not gone to yet, so that going there needs no network. */
export async function loadPages(): Promise<void> {
  for (const load of loaders) {
    try {
      await load();
    } catch {
      // It is loaded when it is gone to.
    }
  }
}

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: () => (
    <main>
      <h1 className="page-title">Page not found</h1>
      <p>
        The address may be out of date. <a href="/">Go to the overview</a>
      </p>
    </main>
  ),
  errorComponent: ({ error }) => <ProblemNote error={error} />,
});

const signIn = createRoute({ getParentRoute: () => root, path: "/sign-in", component: page(() => import("./SignIn"), "SignInPage") });
const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell });
const under = <const P extends string>(path: P) => ({ getParentRoute: () => shell, path }) as const;

const overview = createRoute({ ...under("/"), component: page(() => import("../telemetry/OverviewPage"), "OverviewPage") });
const nodes = createRoute({
  ...under("/nodes"),
  validateSearch: texts("filter", "order", "hide"),
  component: page(() => import("../fleet/NodesPage"), "NodesPage"),
});
const node = createRoute({
  ...under("/nodes/$node"),
  validateSearch: texts("tab", "filter"),
  component: page(() => import("../fleet/NodePage"), "NodePage"),
});
const groups = createRoute({
  ...under("/groups"),
  validateSearch: texts("new", "filter"),
  component: page(() => import("../fleet/GroupsPage"), "GroupsPage"),
});
const enrol = createRoute({
  ...under("/enrol"),
  validateSearch: texts("step", "token", "filter", "order"),
  component: page(() => import("../fleet/EnrolPage"), "EnrolPage"),
});
const templates = createRoute({
  ...under("/templates"),
  validateSearch: texts("filter", "order", "new"),
  component: page(() => import("../sharing/TemplatesPage"), "TemplatesPage"),
});
const template = createRoute({
  ...under("/templates/$name"),
  validateSearch: texts("tab", "revision", "from", "to", "filter"),
  component: page(() => import("../sharing/TemplatePage"), "TemplatePage"),
});
const variableSets = createRoute({
  ...under("/variable-sets"),
  validateSearch: texts("filter", "order", "new"),
  component: page(() => import("../sharing/VariableSetsPage"), "VariableSetsPage"),
});
const variableSet = createRoute({
  ...under("/variable-sets/$name"),
  validateSearch: texts("tab", "revision", "from", "to", "filter", "node"),
  component: page(() => import("../sharing/VariableSetPage"), "VariableSetPage"),
});
const publications = createRoute({
  ...under("/publications"),
  validateSearch: texts("filter", "order", "new"),
  component: page(() => import("../sharing/PublicationsPage"), "PublicationsPage"),
});
const publication = createRoute({
  ...under("/publications/$name"),
  component: page(() => import("../sharing/PublicationPage"), "PublicationPage"),
});
const proposals = createRoute({
  ...under("/proposals"),
  validateSearch: listSearch,
  component: page(() => import("../sharing/ProposalsPage"), "ProposalsPage"),
});
const proposal = createRoute({
  ...under("/proposals/$id"),
  component: page(() => import("../sharing/ProposalPage"), "ProposalPage"),
});
const conflicts = createRoute({
  ...under("/conflicts"),
  validateSearch: listSearch,
  component: page(() => import("../sharing/ConflictsPage"), "ConflictsPage"),
});
const conflict = createRoute({
  ...under("/conflicts/$id"),
  component: page(() => import("../sharing/ConflictPage"), "ConflictPage"),
});
const sync = createRoute({
  ...under("/sync"),
  validateSearch: texts("kind", "resource", "node"),
  component: page(() => import("../sharing/SyncPage"), "SyncPage"),
});
const access = createRoute({
  ...under("/access"),
  validateSearch: texts("tab", "filter"),
  component: page(() => import("../access/AccessPage"), "AccessPage"),
});
const audit = createRoute({
  ...under("/audit"),
  validateSearch: listSearch,
  component: page(() => import("../audit/AuditPage"), "AuditPage"),
});

const inside = [
  overview, nodes, node, groups, enrol, templates, template, variableSets, variableSet, publications, publication,
  proposals, proposal, conflicts, conflict, sync, access, audit,
];

export const router = createRouter({
  routeTree: root.addChildren([signIn, shell.addChildren(inside)]),
  defaultPreload: "intent",
  scrollRestoration: true,
  scrollToTopSelectors: ["#content"],
  defaultPendingMs: 300,
  defaultPendingComponent: () => <Loading what="the page" />,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
