// Take a page as the reader sees it (formulas set, figures drawn) and make it one section of the printed book.
// Called by scripts/pdf.py with the page's own prefix and the prefixes of all pages of the book, by address.
async ({ prefix, pages }) => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));

  const article = document.querySelector("article.bd-article");
  // paper cannot unfold: what is folded on the screen stands open, except the numbers behind a figure
  for (const fold of article.querySelectorAll("details:not(.rk-data)")) fold.open = true;
  for (const fold of article.querySelectorAll("details.rk-data")) fold.remove();
  for (const canvas of article.querySelectorAll("canvas")) {
    const image = Object.assign(new Image(), { src: canvas.toDataURL(), alt: canvas.getAttribute("aria-label") ?? "" });
    image.style.cssText = `width: ${canvas.clientWidth}px; max-width: 100%`;
    canvas.replaceWith(image);
  }
  const styles = [...document.styleSheets]
    .filter((sheet) => !sheet.href)
    .map((sheet) => [...sheet.cssRules].map((rule) => rule.cssText).join("\n"));
  const sheets = [...document.styleSheets].filter((sheet) => sheet.href).map((sheet) => sheet.href);

  // nothing that only works on a screen
  const screenOnly = "script, style, link, button, form, .headerlink, .copybtn, .rk-controls, .viewcode-link, " +
    ".lite-box, .rk-live-bar, .noprint, mjx-assistive-mml";
  article.querySelectorAll(screenOnly).forEach((element) => element.remove());

  // one document has one name for each place
  const named = (id) => `${prefix}--${id}`;
  for (const element of article.querySelectorAll("*")) {
    for (const { name, value } of [...element.attributes]) {
      if (name === "id" || name === "for") element.setAttribute(name, named(value));
      else if (/^aria-(labelledby|describedby|controls|owns|details)$/.test(name))
        element.setAttribute(name, value.trim().split(/\s+/).map(named).join(" "));
      else if (value.includes("url(#")) element.setAttribute(name, value.replaceAll("url(#", `url(#${prefix}--`));
    }
  }
  for (const use of article.querySelectorAll("use[href^='#']")) use.setAttribute("href", `#${named(use.getAttribute("href").slice(1))}`);
  for (const image of article.querySelectorAll("img")) image.src = image.src; // the full address, or the base is lost

  const here = location.origin + location.pathname;
  for (const link of article.querySelectorAll("a[href]")) {
    const target = new URL(link.href, here);
    const anchor = decodeURIComponent(target.hash.slice(1));
    const page = pages[target.pathname];
    if (page !== undefined && target.origin === location.origin) link.setAttribute("href", `#${anchor ? `${page}--${anchor}` : page}`);
    else if (target.origin === location.origin) link.removeAttribute("href"); // a download, a listing: not on paper
    else link.setAttribute("href", target.href);
  }
  const headings = [...article.querySelectorAll("h1, h2")].map((heading) => ({
    level: Number(heading.tagName[1]),
    id: heading.closest("section[id]")?.id ?? "",
    text: heading.textContent.replace(/\s+/g, " ").trim(),
  }));
  return { html: article.innerHTML, styles, sheets, headings };
};
