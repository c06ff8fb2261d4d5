// What the components need of a browser and the test environment does not have.
if (typeof globalThis.matchMedia === "undefined") {
  globalThis.matchMedia = (query) =>
    ({ matches: false, media: query, onchange: null, addListener() {}, removeListener() {}, addEventListener() {}, removeEventListener() {}, dispatchEvent: () => false }) as MediaQueryList;
}
// Fields that grow with their text listen for fonts.
if (typeof document !== "undefined" && !("fonts" in document)) {
  Object.defineProperty(document, "fonts", { value: new EventTarget(), configurable: true });
}
