// Why something cannot be done with a resource now.
import type { GetResourceResponse } from "../../api/generated/atoll/v1/sharing_pb";

export const QUESTION_OPEN = "Resolve the open conflict first";

export function whyNotPublished({ resource }: Pick<GetResourceResponse, "resource">): string | undefined {
  if (resource?.state === "conflict") return QUESTION_OPEN;
  return resource?.hasDraft ? undefined : "Nothing new to publish";
}
