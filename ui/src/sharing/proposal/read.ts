// One proposal. The contract has lists of them only, so it is looked for from page to page.
import { api } from "../../api/client";
import type { Proposal } from "../../api/generated/atoll/v1/sharing_pb";

const PAGE_SIZE = 1_000;

export async function findProposal(id: string, signal: AbortSignal): Promise<Proposal | null> {
  let pageToken = "";
  do {
    const page = await api.sharing.listProposals({ options: { pageSize: PAGE_SIZE, pageToken } }, { signal });
    const found = page.proposals.find((proposal) => proposal.id === id || (id.length >= 4 && proposal.id.endsWith(id)));
    if (found) return found;
    pageToken = page.summary?.nextPageToken ?? "";
  } while (pageToken !== "");
  return null;
}
