// Labels of a node or selector, and how they are written in a field.
export function Labels({ of }: { of: Record<string, string> }) {
  const entries = Object.entries(of).sort(([one], [other]) => one.localeCompare(other));
  if (entries.length === 0) return <span className="dim">none</span>;
  return (
    <span className="labels">
      {entries.map(([key, value]) => (
        <bdi key={key} className="label">
          {key}={value}
        </bdi>
      ))}
    </span>
  );
}

/** Labels as a person writes them, one text each. */
export function labelTexts(labels: Record<string, string>): string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`);
}

/** Reads `key=value` texts. What is none is told in words. */
export function readLabels(texts: readonly string[]): { labels: Record<string, string>; problem?: string } {
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1) return { labels, problem: `"${text}" is not a label; use key=value` };
    labels[text.slice(0, at).trim()] = text.slice(at + 1).trim();
  }
  return { labels };
}
