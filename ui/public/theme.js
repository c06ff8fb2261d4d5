// Runs before the first paint, so that a dark page never flashes light.
(function () {
  var wish = localStorage.getItem("atoll.theme") || "auto";
  var dark = wish === "dark" || (wish === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
