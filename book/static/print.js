// Paper is light: while a page is printed, it and its figures have the light colours, whatever the reader has chosen.
(() => {
  const root = document.documentElement;
  let chosen;
  addEventListener("beforeprint", () => { chosen = root.dataset.theme; root.dataset.theme = "light"; });
  addEventListener("afterprint", () => { if (chosen !== undefined) root.dataset.theme = chosen; });
})();
