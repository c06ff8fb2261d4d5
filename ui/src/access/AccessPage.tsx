// Who may act: administrator tokens and the browsers that are signed in. Accounts, roles and bindings take their place
// as further tabs when they exist.
import { getRouteApi, useNavigate } from "@tanstack/react-router";

import { Page } from "../ui/Page";
import { Tabs } from "../ui/Tabs";
import { Sessions } from "./Sessions";
import { Tokens } from "./Tokens";

const route = getRouteApi("/shell/access");

export function AccessPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const tab = search.tab ?? "tokens";
  return (
    <Page
      title="Access"
      lead="Each token has a name, and everything done with it is recorded under that name. For now, every token has full access."
      cli={tab === "sessions" ? "atoll session list" : "atoll token list"}
    >
      <Tabs
        label="Access"
        value={tab}
        onChange={(next) => void navigate({ to: "/access", search: { tab: next }, replace: true })}
        tabs={[
          { value: "tokens", label: "Tokens", content: () => <Tokens /> },
          { value: "sessions", label: "Browsers", content: () => <Sessions /> },
        ]}
      />
    </Page>
  );
}
