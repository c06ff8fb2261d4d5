// A place in words, with names set apart.
import { Fragment } from "react";

import { placeWords } from "./place";

export function PlaceName({ path }: { path: string }) {
  return (
    <>
      {placeWords(path).map((word, at) => (
        <Fragment key={at}>{typeof word === "string" ? word : <bdi className="conflict-name">{word.name}</bdi>}</Fragment>
      ))}
    </>
  );
}
