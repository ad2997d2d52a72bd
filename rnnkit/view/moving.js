// What every moving figure needs. A figure brings this file, then the one that draws its kind, inside one function
// (see moving.py), and so works in the published book and in JupyterLab, with no kernel and no dependencies.
const SVG = "http://www.w3.org/2000/svg";

/** Append an element (of SVG inside an SVG) and return it. */
function add(parent, tag, attributes = {}, text = "") {
  const inSvg = tag === "svg" || parent.namespaceURI === SVG;
  const element = inSvg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  parent.append(element);
  return element;
}

/** Append text in which `h_t` and `h_{t−1}` stand with a lowered index. */
function formula(parent, text) {
  const inSvg = parent.namespaceURI === SVG;
  parent.replaceChildren();
  text.split(/(?<=[\p{L}\d])_(\{[^}]*\}|\d+|[A-Za-z](?![A-Za-z]))/u).forEach((piece, i) => {
    if (i % 2) add(parent, inSvg ? "tspan" : "sub", inSvg ? { class: "rk-sub", dy: "0.3em" } : {}, piece.replace(/[{}]/g, ""));
    else if (inSvg && i) add(parent, "tspan", { dy: "-0.2em" }, piece || "\u200b"); // back up to the line
    else parent.append(piece);
  });
  return parent;
}

/** Two digits are enough beside a node, three in a sentence. */
function written(value, digits = 2) {
  if (value === null || value === undefined) return "";
  if (value === 0) return "0";
  if (value < 1e-3 || value >= 1e4) return value.toExponential(digits - 1).replace("e+", "e");
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(digits);
}

/** Draw now, and again whenever the width changes, so that text keeps its size on every screen. */
function drawAtWidth(element, draw) {
  let width = 0;
  const redraw = () => {
    const now = Math.round(element.clientWidth);
    if (now && now !== width) draw((width = now));
  };
  new ResizeObserver(redraw).observe(element);
  redraw();
}

/** Build every figure of a kind that is in the page and that no earlier copy of this script has built. */
function mount(kind, build) {
  for (const root of document.querySelectorAll(`[data-rk-figure="${kind}"]:not([data-rk-mounted])`)) {
    const json = root.querySelector('script[type="application/json"]');
    if (!json) continue; // the page is still being read: this figure's own copy will find it
    root.dataset.rkMounted = "";
    root.querySelector("details.rk-data").open = false;
    build(root, root.querySelector(".rk-stage"), JSON.parse(json.textContent));
  }
}
