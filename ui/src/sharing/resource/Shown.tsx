// The content of the revision that the address names; of the newest one unless it names one.
import type { ReactNode } from "react";

import type { GetResourceResponse } from "../../api/generated/atoll/v1/sharing_pb";
import { Answer, Empty } from "../../ui/feedback";
import type { Kind } from "./kind";
import { type Content, contentOf, useResource } from "./read";

type ShownProps = { kind: Kind; newest: GetResourceResponse; revision: string; children: (content: Content) => ReactNode };

export function Shown({ kind, newest, revision, children }: ShownProps) {
  const named = useResource(kind, newest.resource?.id ?? "", revision);
  return (
    <Answer of={revision === "" ? { ...named, data: newest } : named} what="the content">
      {(answer) => {
        const content = contentOf(answer);
        return content ? children(content) : <Empty title="No content">This revision is a deletion. Restore an older one under Versions.</Empty>;
      }}
    </Answer>
  );
}
