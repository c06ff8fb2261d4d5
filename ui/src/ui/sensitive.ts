// What the manager seals, by the word that says so: it reads it without regard to case and to blanks around it.

/** Whether a type or a control says that its value is sensitive. */
export function saysSensitive(word: unknown): boolean {
  return typeof word === "string" && word.trim().toLowerCase() === "sensitive";
}
