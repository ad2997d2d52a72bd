// The page of search results: what Sphinx's script leaves to do.
addEventListener("DOMContentLoaded", () => {
  if (typeof Search !== "object") return;
  // An excerpt is of the text: not of the theme's buttons, nor of the contents that it prints before each page
  const { htmlToText } = Search;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const article = page.querySelector("article");
    if (!article) return htmlToText(html, anchor);
    article.setAttribute("role", "main");
    for (const hidden of article.querySelectorAll(".rk-data, .math")) hidden.remove(); // tables of numbers, and TeX
    return htmlToText(article.outerHTML, anchor && article.querySelector(anchor) ? anchor : "").replace(/\s+/g, " ");
  };
});
// Pages opened as files cannot be read by a script: results come without excerpts then
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
