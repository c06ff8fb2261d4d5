// Importing one or several files, with what became of each.
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { FileUp } from "lucide-react";
import { type DragEvent, useId, useState } from "react";

import { Button } from "../../ui/Button";
import { CopyCli } from "../../ui/copy";
import { Dialog } from "../../ui/Dialog";
import { Differences } from "../../ui/Diff";
import { ProblemNote } from "../../ui/feedback";
import { type ImportFile, importFile, type ImportResult, RESULT_WORDS } from "./import";
import { type Kind, pageOf } from "./kind";
import { newId, refresh } from "./write";

export function ImportDialog({ kind, onClose }: { kind: Kind; onClose: () => void }) {
  const queries = useQueryClient();
  const [files, setFiles] = useState<readonly ImportFile[]>([]);
  const put = (id: string, result: ImportResult) => setFiles((before) => before.map((file) => (file.id === id ? { ...file, result } : file)));
  const run = async (file: ImportFile, base?: string) => {
    put(file.id, { kind: "waiting" });
    put(file.id, await importFile(kind, file.text, file.id, base));
  };
  const take = async (chosen: readonly File[]) => {
    const added = await Promise.all(
      chosen.map(async (file): Promise<ImportFile> => ({ id: newId(), file: file.name, text: await file.text(), result: { kind: "waiting" } })),
    );
    setFiles((before) => [...before, ...added]);
    // One after the other: hundreds of files at once would only wait in the manager.
    for (const file of added) await run(file);
    refresh(queries);
  };
  return (
    <Dialog title={`Import ${kind.nouns}`} onClose={onClose} size="xl">
      <div className="form">
        <DropPlace onFiles={(chosen) => void take(chosen)} />
        {files.length > 0 ? (
          <>
            <p role="status">{summary(files)}</p>
            <ul className="import-files" aria-label="Files">
              {files.map((file) => (
                <li key={file.id} className="import-file">
                  <FileResult kind={kind} file={file} onWrite={(base) => void run(file, base).then(() => refresh(queries))} onClose={onClose} />
                </li>
              ))}
            </ul>
          </>
        ) : null}
        <div className="form-actions">
          <CopyCli command={`atoll ${kind.command} import ${files.length > 0 ? "FILES" : "*.json"}`} />
          <Button kind="primary" onClick={onClose}>
            Close
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

function DropPlace({ onFiles }: { onFiles: (files: readonly File[]) => void }) {
  const id = useId();
  const [isOver, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    onFiles([...event.dataTransfer.files]);
  };
  return (
    <div
      className={`import-drop${isOver ? " is-over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <FileUp size={24} aria-hidden />
      <label htmlFor={id}>Drag JSON files here, or choose them</label>
      <input
        id={id}
        type="file"
        multiple
        accept=".json,application/json"
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = "";
        }}
      />
    </div>
  );
}

type FileResultProps = { kind: Kind; file: ImportFile; onWrite: (base: string) => void; onClose: () => void };

function FileResult({ kind, file, onWrite, onClose }: FileResultProps) {
  const { result } = file;
  return (
    <>
      <p className="import-line">
        <strong>{RESULT_WORDS[result.kind]}</strong>
        <bdi className="resource-dim">{file.file}</bdi>
        {"name" in result ? (
          <Link to={pageOf(kind)} params={{ name: result.name }} className="row-link" onClick={onClose}>
            <bdi>{result.name}</bdi>
          </Link>
        ) : null}
      </p>
      {result.kind === "failed" ? <ProblemNote error={result.error} /> : null}
      {result.kind === "conflict" ? (
        <Link to="/conflicts/$id" params={{ id: result.conflictId }} className="row-link" onClick={onClose}>
          Resolve the conflict
        </Link>
      ) : null}
      {result.kind === "exists" ? <Existing result={result} onWrite={onWrite} /> : null}
    </>
  );
}

function Existing({ result, onWrite }: { result: Extract<ImportResult, { kind: "exists" }>; onWrite: (base: string) => void }) {
  const [isShown, setShown] = useState(false);
  const count = result.differences.length;
  return (
    <>
      <p className="page-lead">
        The file differs from the newest revision in {count.toLocaleString("en")} {count === 1 ? "place" : "places"}. Look at the difference before you overwrite it.
      </p>
      {isShown ? <Differences of={result.differences} from="Now" to="In the file" /> : null}
      <div className="form-actions">
        <Button size="xs" onClick={() => setShown(!isShown)}>
          {isShown ? "Hide the difference" : "Show the difference"}
        </Button>
        <Button size="xs" kind="primary" disabledReason={isShown ? undefined : "Look at the difference first"} onClick={() => onWrite(result.head)}>
          Import as a new revision
        </Button>
      </div>
    </>
  );
}

/** How many files came to what. */
export function summary(files: readonly ImportFile[]): string {
  const counts = new Map<string, number>();
  for (const { result } of files) counts.set(RESULT_WORDS[result.kind], (counts.get(RESULT_WORDS[result.kind]) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${word}: ${count.toLocaleString("en")}`).join(" · ");
}
