// In a notebook, a link to a chapter is a link to a file that is not there: lead it to the published page.
(() => {
  const book = new URL("../", document.currentScript.src.replace(/[^/]*$/, ""));
  const page = /(?:^|\/)((?:chapters|reference|exercises)\/[\w-]+)\.(?:ipynb|md)(#.*)?$/;

  function lead(event) {
    const link = event.target.closest?.(".jp-RenderedMarkdown a");
    const found = page.exec(link?.getAttribute("href") ?? "");
    if (found) {
      link.href = new URL(`${found[1]}.html${found[2] ?? ""}`, book).href;
      link.target = "_blank";
      link.dataset.book = "";
    }
    // JupyterLab's own listener would open it as a file; the browser then does what it does with any link
    if (event.type === "click" && link && "book" in link.dataset) event.stopImmediatePropagation();
  }

  // before JupyterLab's own listeners, and early enough for what a pointer, a keyboard or a menu does with the link
  for (const kind of ["pointerover", "focusin", "click", "auxclick"]) addEventListener(kind, lead, true);
})();
