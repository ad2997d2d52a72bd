// What every moving figure needs. The page (or the widget) gets this file, then one file for each kind it shows, inside
// one function (see figure.py); a kind says `register(name, build)`. No kernel, no dependencies.
const SVG = "http://www.w3.org/2000/svg";
const kinds = {};
const register = (kind, build) => { kinds[kind] = build; };
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

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
  const size = Math.abs(value);
  const text = value === 0 ? "0"
    : size < 1e-3 || size >= 1e4 ? value.toExponential(digits - 1).replace("e+", "e")
    : size >= 100 ? String(Math.round(value)) : value.toPrecision(digits);
  return text.replace(/^-/, "−");
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

/** A drawing in place of the last one, with the text it stands for. */
function drawing(parent, width, height, label) {
  parent.replaceChildren();
  return add(parent, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
}

/** A line of text in a drawing. */
const label = (svg, x, y, text, attributes = {}) =>
  formula(add(svg, "text", { x, y, class: "rk-tick rk-middle", ...attributes }), String(text));

/** A power of ten, or what is at most one. */
function power(svg, x, y, exponent, attributes = {}, atMost = false) {
  const text = add(svg, "text", { x, y, ...attributes });
  add(text, "tspan", {}, atMost ? "≤10" : "10");
  add(text, "tspan", { class: "rk-sub", dy: "-0.45em" }, String(exponent).replace("-", "−"));
}

/** At most seven powers of ten from `high` down to `low`. */
function decades(low, high) {
  const found = [];
  for (let d = high, by = Math.max(1, Math.ceil((high - low) / 6)); d >= low; d -= by) found.push(d);
  return found;
}

/** Round numbers between two ends, at most `most` of them. */
function ticks(low, high, most) {
  const least = (high - low) / most;
  const size = 10 ** Math.floor(Math.log10(least));
  const by = size * ([1, 2, 5].find((n) => n * size >= least) ?? 10);
  const found = [];
  for (let n = Math.ceil(low / by - 1e-9); n * by <= high + by * 1e-9; n++) found.push(Number((n * by).toPrecision(12)));
  return found;
}

/** Pointer and finger, in the drawing's own units. A finger may still scroll the page (touch-action in the style). */
function follow(svg, act) {
  const at = (event) => {
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    act((event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
  };
  for (const name of ["pointermove", "pointerdown"]) svg.addEventListener(name, at);
}

/** Keys of an element: `acts(event)` has a function for each key it knows. */
function keys(element, acts) {
  element.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? null : acts(event)[event.key];
    if (!act) return;
    act();
    event.preventDefault();
    event.stopPropagation();
  });
}

/** One button for each name; `set(i)` marks one as pressed. A single one is no choice and stays hidden. */
function choice(parent, what, names, choose) {
  const group = add(parent, "div", { class: "rk-choice", role: "group", "aria-label": what });
  const buttons = names.map((name, i) => {
    const element = add(group, "button", { type: "button" });
    element.addEventListener("click", () => choose(i));
    formula(add(element, "span"), name); // an element of its own, or letter and index would stand apart
    return element;
  });
  group.hidden = names.length === 1;
  return (chosen) => buttons.forEach((element, i) => element.setAttribute("aria-pressed", String(i === chosen)));
}

/** Where we are, and a sentence on it: spoken when they change, unless the figure plays. */
function statusLine(parent) {
  const status = add(parent, "div", { class: "rk-status", role: "status" });
  const where = add(status, "p", { class: "rk-where" });
  const note = add(status, "p", { class: "rk-note" });
  return {
    status, where,
    say: (place, sentence) => { formula(where, place); formula(note, sentence); },
  };
}

const ICONS = {
  first: "M6 5v14M19 5 9 12l10 7z", back: "M17 5 7 12l10 7z", play: "M7 4.5v15L20 12z",
  pause: "M8 5v14M16 5v14", next: "M7 5l10 7-10 7z", last: "M18 5v14M5 5l10 7-10 7z",
};
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * A slider. With `every` (milliseconds) buttons around it step and play; with `value` its value is written beside it.
 * `moved(n)` hears of every move; `set(n)` moves it from outside; `quiet(on)` is told when it plays.
 */
function slider(parent, { name, first = 0, last, start = first, every = 0, value, moved, quiet = () => {} }) {
  let current = start, timer = null;
  const controls = add(parent, "div", { class: "rk-controls" });
  const buttons = {};
  const button = (icon, text, act) => {
    if (!every) return;
    const element = (buttons[icon] = add(controls, "button", { type: "button", "aria-label": text, title: text }));
    add(add(element, "svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }), "path", { d: ICONS[icon] });
    element.addEventListener("click", act);
  };
  button("first", "To the start", () => go(first));
  button("back", "One step back", () => go(current - 1));
  button("play", "Play", () => (timer ? pause() : play()));
  button("next", "One step on", () => go(current + 1));
  button("last", "To the end", () => go(last));
  const slide = add(controls, "span", { class: value ? "rk-slide rk-valued" : "rk-slide" });
  const input = add(slide, "input", { type: "range", min: first, max: last, value: current, "aria-label": name });
  const output = value && add(slide, "span", { class: "rk-chosen", "aria-hidden": "true" });
  if (output) output.style.minWidth = `${Math.max(...Array.from({ length: last - first + 1 }, (_, i) => value(first + i).length))}ch`;
  input.addEventListener("input", () => go(Number(input.value)));

  function move(to) {
    current = clamp(to, first, last);
    moved(current);
    input.value = current;
    if (output) formula(output, value(current));
    if (value) speak(value(current));
    for (const icon of every ? ["first", "back"] : []) buttons[icon].disabled = current === first;
    for (const icon of every ? ["next", "last"] : []) buttons[icon].disabled = current === last;
  }
  function go(to) {
    if (timer) pause();
    move(to);
  }
  function setPlay(icon, text) {
    if (!every) return;
    buttons.play.querySelector("path").setAttribute("d", ICONS[icon]);
    buttons.play.setAttribute("aria-label", (buttons.play.title = text));
    quiet(icon === "pause");
  }
  function play() {
    if (current === last) current = first;
    timer = setInterval(() => {
      move(current + 1);
      if (current >= last || !controls.isConnected) pause();
    }, calm() ? Math.max(every, 1100) : every); // where motion is unwanted: step by step
    setPlay("pause", "Pause");
  }
  function pause() {
    clearInterval(timer);
    timer = null;
    setPlay("play", "Play");
  }
  const speak = (text) => input.setAttribute("aria-valuetext", text);

  keys(controls, (event) => ({
    ArrowRight: () => go(current + 1), ArrowUp: () => go(current + 1), ArrowLeft: () => go(current - 1),
    ArrowDown: () => go(current - 1), Home: () => go(first), End: () => go(last),
    PageUp: () => go(current + 10), PageDown: () => go(current - 10),
    " ": every && event.target === input && (() => (timer ? pause() : play())), // on a button, space presses that button
  }));
  return { go, speak, start: () => move(start), set: (to) => to !== current && go(to) };
}

/** Draw one figure. `tell(state)` hears of every move; what comes back takes a state from outside. */
function mount(root, tell) {
  const json = root.querySelector('script[type="application/json"]');
  root.dataset.rkMounted = "";
  root.querySelector("details.rk-data").open = false;
  const told = (state) => {
    root.dataset.rkState = Object.values(state).join(" ");
    tell(state);
  };
  return kinds[root.dataset.rkFigure](root, root.querySelector(".rk-stage"), JSON.parse(json.textContent), told);
}

/** Draw every figure in the page that this script can draw and no earlier copy of it has drawn. */
function mountAll() {
  for (const root of document.querySelectorAll("[data-rk-figure]:not([data-rk-mounted])"))
    // a figure without numbers is still being read: its own copy of the script will find it
    if (kinds[root.dataset.rkFigure] && root.querySelector('script[type="application/json"]')) mount(root, () => {});
}

/** Draw a widget of a live kernel, whose model holds the same state (anywidget's `render`). */
function render({ model, el }) {
  el.innerHTML = model.get("_frame");
  const names = model.get("_names");
  let heard = false; // what the model holds comes first
  const hear = mount(el.querySelector(".rk-figure"), (state) => {
    if (!heard) return;
    for (const name of names) if (model.get(name) !== state[name]) model.set(name, state[name]);
    model.save_changes();
  });
  const changed = () => hear(Object.fromEntries(names.map((name) => [name, model.get(name)])));
  changed();
  heard = true;
  for (const name of names) model.on(`change:${name}`, changed);
  return () => { for (const name of names) model.off(`change:${name}`, changed); };
}
