// Two revisions place by place.
import type { Resource } from "../../api/generated/atoll/v1/sharing_pb";
import { CopyCli, quote } from "../../ui/copy";
import { Differences } from "../../ui/Diff";
import { Answer } from "../../ui/feedback";
import { Section } from "../../ui/Page";
import { type Kind, shortId } from "../resource/kind";
import { useDifference } from "../resource/read";

type ComparisonProps = { kind: Kind; resource: Pick<Resource, "id" | "name">; from: string; to: string };

export function Comparison({ kind, resource, from, to }: ComparisonProps) {
  const asked = useDifference(kind, resource.id, from, to);
  const [before, after] = [nameOf(from), nameOf(to)];
  return (
    <Section
      title={`From ${before} to ${after}`}
      actions={<CopyCli command={`atoll ${kind.command} diff ${quote(resource.name)} ${before} ${after}`} />}
    >
      <Answer of={asked} what="the difference">
        {({ differences }) => <Differences of={differences} from={before} to={after} />}
      </Answer>
    </Section>
  );
}

/** A version as it is, a revision by the start of its id. */
function nameOf(revision: string): string {
  return revision.includes(".") ? revision : shortId(revision);
}
