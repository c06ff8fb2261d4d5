// The editor itself. It lies in a file of its own, which is loaded when the first one is shown.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";

import { languageOf } from "./languages";

export type Setup = { value: string; syntax: string; isReadOnly: boolean; attributes: Record<string, string> };

/** Classes instead of fixed colours: the style sheet knows light and dark. */
const colours = syntaxHighlighting({
  style: (tags) => (tags.length > 0 ? tags.map((tag) => `code-${String(tag)}`).join(" ") : null),
});

/** Ctrl+Enter saves the page, so it must not write a line here. Tab is not bound: it leaves the editor. */
const keys = keymap.of([...defaultKeymap.filter((binding) => binding.key !== "Mod-Enter"), ...historyKeymap]);

export class Editor {
  #view: EditorView;
  #changing = new Compartment();
  #isOurs = false;
  #applied: string;

  constructor(parent: HTMLElement, setup: Setup, onChange: (value: string) => void) {
    const tell = EditorView.updateListener.of((update) => {
      if (update.docChanged && !this.#isOurs) onChange(update.state.doc.toString());
    });
    const still: Extension = [
      lineNumbers(),
      drawSelection(),
      highlightActiveLine(),
      bracketMatching(),
      indentOnInput(),
      history(),
      indentUnit.of("    "),
      EditorView.lineWrapping,
      colours,
      keys,
      tell,
    ];
    this.#applied = lookOf(setup);
    this.#view = new EditorView({
      parent,
      state: EditorState.create({ doc: setup.value, extensions: [still, this.#changing.of(changingOf(setup))] }),
    });
  }

  /** Brings the editor to what the page says; what is typed stays where it is when nothing else changed. */
  set(setup: Setup): void {
    const look = lookOf(setup);
    if (look !== this.#applied) this.#view.dispatch({ effects: this.#changing.reconfigure(changingOf(setup)) });
    this.#applied = look;
    const { doc } = this.#view.state;
    if (doc.length === setup.value.length && doc.toString() === setup.value) return;
    this.#isOurs = true;
    this.#view.dispatch({ changes: { from: 0, to: doc.length, insert: setup.value } });
    this.#isOurs = false;
  }

  destroy(): void {
    this.#view.destroy();
  }
}

/** Everything but the text. */
function lookOf({ syntax, isReadOnly, attributes }: Setup): string {
  return JSON.stringify([syntax, isReadOnly, attributes]);
}

function changingOf({ syntax, isReadOnly, attributes }: Setup): Extension {
  return [
    languageOf(syntax) ?? [],
    EditorState.readOnly.of(isReadOnly),
    EditorView.contentAttributes.of({ ...attributes, ...(isReadOnly ? { "aria-readonly": "true" } : {}) }),
  ];
}
