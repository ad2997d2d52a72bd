// In a notebook, a link to a chapter is a link to a file that is not there: lead it to the published page.
(() => {
  const book = new URL("../", document.currentScript.src.replace(/[^/]*$/, ""));
  const page = /(?:^|\/)((?:chapters|reference|exercises)\/[\w-]+)\.(?:ipynb|md)(#.*)?$/;

  function lead(event) {
    const link = event.target.closest?.(".jp-RenderedMarkdown a");
    const path = link?.dataset.commandlinkerArgs ? JSON.parse(link.dataset.commandlinkerArgs).path : link?.getAttribute("href");
    const found = page.exec(path ?? "");
    if (!found) return;
    link.removeAttribute("data-commandlinker-command"); // JupyterLab would open it as a file
    link.removeAttribute("data-commandlinker-args");
    link.href = new URL(`${found[1]}.html${found[2] ?? ""}`, book).href;
    link.target = "_blank";
  }

  // before JupyterLab's own listeners, and early enough for what a pointer, a keyboard or a menu does with the link
  for (const kind of ["pointerover", "focusin", "click", "auxclick"]) addEventListener(kind, lead, true);
})();
