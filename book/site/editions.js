// Which edition of the book this is, and which others the site holds. Added to pages by scripts/publish.py, which also
// says, in this script's own attributes, the edition's name and the way to the site's first folder.
(() => {
  const { edition, site, page } = document.currentScript.dataset;
  if (location.protocol === "file:") return; // a copy on a disk: browsers read no lists there

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  // the same page in another edition, or that edition's first page where it has none
  const link = (other, text) =>
    make("a", { href: site + other.folder + (other.pages.includes(page) ? page : "index.html") }, text);

  const show = ({ newest, editions }) => {
    const current = editions.find((other) => other.name === newest);
    if (current && edition !== newest) {
      const what = edition === "dev" ? "the next edition, which is not finished" : `edition ${edition}`;
      const banner = make("aside", { className: "rk-edition" }, `You are reading ${what}. The newest is `, link(current, newest), ".");
      banner.setAttribute("aria-label", "Edition");
      document.querySelector("article.bd-article")?.prepend(banner);
    }
    const others = editions.filter((other) => other.name !== edition);
    if (!others.length) return;
    const list = make("p", { className: "rk-editions" }, `Edition ${edition}. Others: `);
    others.forEach((other, number) => list.append(number ? ", " : "", link(other, other.name)));
    document.querySelector(".bd-footer-content__inner")?.append(list);
  };
  const start = () => fetch(`${site}versions.json`).then((answer) => (answer.ok ? answer.json() : null)).then((known) => known && show(known));
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
