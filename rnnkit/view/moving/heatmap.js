// How far a loss looks back: a triangle of cells, and the marked row as a curve over the lag.
// viridis: grows lighter evenly, and is read the same with every kind of colour vision
const VIRIDIS = ["440154", "482878", "3e4a89", "31688e", "26828e", "1f9e89", "35b779", "6dcd59", "b4de2c", "fde725"]
  .map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));

function colour(part) {
  const at = Math.min(Math.max(part, 0), 1) * (VIRIDIS.length - 1);
  const i = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return [...VIRIDIS[i].map((c, k) => Math.round(c + (VIRIDIS[i + 1][k] - c) * (at - i))), 255];
}

/** A picture with one pixel per cell; `pixel` gives red, green, blue and alpha, or nothing. */
function picture(width, height, pixel) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const rgb = pixel(i % width, Math.floor(i / width));
    if (rgb) image.data.set(rgb, 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

function heatmap(root, stage, { T, names, rows }, tell) {
  let [shown, t, s] = [0, T, Math.max(1, Math.round(T / 2))];
  const all = rows.flat(2).filter((value) => value > 0);
  const most = all.reduce((a, b) => Math.max(a, b), 0) || 1;
  const least = all.reduce((a, b) => Math.min(a, b), most);
  const high = Math.ceil(Math.log10(most));
  const low = Math.min(Math.max(Math.floor(Math.log10(least)), high - 12), high - 1); // twelve decades at most
  const part = (value) => (Math.log10(value) - low) / (high - low);

  const press = choice(stage, "Network", names, (i) => { shown = i; show(); });
  const status = add(stage, "p", { class: "rk-status rk-where", role: "status" });
  const panels = add(stage, "div", { class: "rk-panels" });
  const map = add(panels, "div", {
    class: "rk-map", tabindex: 0, role: "application", "aria-roledescription": "heat map",
    "aria-label": `${root.getAttribute("aria-label")}: arrow keys move the marked cell, Home and End go along its row`,
  });
  const curve = add(panels, "div", { class: "rk-curve" });
  let paint = () => {}, plot = () => {};

  const floor = (svg, at, y, d, attributes) => power(svg, at, y, d, attributes, d === low && least < 10 ** low);
  const every = [1, 2, 5, 10, 20].find((step) => T / step <= 8);
  const marks = [...(every > 2 ? [1] : []), ...Array.from({ length: Math.floor(T / every) }, (_, i) => every * (i + 1))];

  function drawMap(width) {
    const [left, top] = [40, 8];
    const cell = Math.max(1, Math.floor(Math.min(width - left - 8, 420) / T * 2) / 2);
    const side = cell * T;
    const svg = drawing(map, width, side + top + 42, stage.dataset.rkAlt);
    const cells = add(svg, "image", { x: left, y: top, width: side, height: side, class: "rk-pixels" });
    let stairs = `M${left} ${top}`;
    for (let i = 1; i <= T; i++) stairs += `H${left + cell * i}V${top + cell * i}`;
    add(svg, "path", { d: `${stairs}H${left}z`, class: "rk-frame" });
    for (const n of marks) {
      label(svg, left + cell * (n - 0.5), top + side + 15, n);
      label(svg, left - 6, top + cell * (n - 0.5) + 4, n, { class: "rk-tick rk-end" });
    }
    label(svg, left + side / 2, top + side + 34, "state at step s", { class: "rk-label rk-middle" });
    const y = top + side / 2;
    label(svg, 11, y, "loss at step t", { class: "rk-label rk-middle", transform: `rotate(-90 11 ${y})` });
    // the legend stands where no loss depends on a state: above the diagonal
    const [wide, x] = [side * 0.42, left + side * 0.56];
    add(svg, "image", {
      x, y: top + 20, width: wide, height: 10, preserveAspectRatio: "none", href: picture(128, 1, (i) => colour(i / 127)),
    });
    add(svg, "rect", { x, y: top + 20, width: wide, height: 10, class: "rk-frame" });
    label(svg, x + wide, top + 12, "‖∂loss_t/∂h_s‖", { class: "rk-label rk-end" });
    floor(svg, x, top + 46, low, { class: "rk-tick rk-middle" });
    floor(svg, x + wide, top + 46, high, { class: "rk-tick rk-end" });
    const row = add(svg, "rect", { x: left, height: cell, class: "rk-band" });
    const halo = add(svg, "rect", { class: "rk-halo" });
    const mark = add(svg, "rect", { class: "rk-mark" });
    const pixels = names.map(() => null);
    paint = () => {
      pixels[shown] ??= picture(T, T, (i, j) => {
        const value = rows[shown][j][i];
        return i > j ? null : value > 0 ? colour(part(value)) : [128, 128, 128, 110];
      });
      cells.setAttribute("href", pixels[shown]);
      row.setAttribute("y", top + cell * (t - 1));
      row.setAttribute("width", cell * t);
      for (const [box, grow] of [[halo, 2], [mark, 1]]) {
        box.setAttribute("x", left + cell * (s - 1) - grow);
        box.setAttribute("y", top + cell * (t - 1) - grow);
        box.setAttribute("width", cell + 2 * grow);
        box.setAttribute("height", cell + 2 * grow);
      }
    };
    const at = (p, start) => Math.ceil((p - start) / cell);
    follow(svg, (px, py) => move(at(py, top), at(px, left)));
    show();
  }

  function drawCurve(width) {
    const [left, top, height] = [44, 26, 230];
    const svg = drawing(curve, width, top + height + 44, "The marked row of the heat map against the lag t − s, on a logarithmic scale");
    const x = (lag) => left + ((width - left - 12) * lag) / Math.max(1, T - 1);
    const y = (value) => top + height * (1 - Math.max(0, part(value)));
    const heading = label(svg, left, 12, "", { class: "rk-label" });
    for (const d of decades(low, high)) {
      add(svg, "line", { x1: left, x2: width - 12, y1: y(10 ** d), y2: y(10 ** d), class: "rk-grid" });
      floor(svg, left - 6, y(10 ** d) + 4, d, { class: "rk-tick rk-end" });
    }
    for (const n of [0, ...marks].filter((lag) => lag < T && (lag > 1 || every < 5 || !lag))) label(svg, x(n), top + height + 16, n);
    label(svg, (left + width) / 2, top + height + 36, "lag t − s", { class: "rk-label rk-middle" });
    const paths = names.map(() => add(svg, "path", { class: "rk-line" }));
    const dot = add(svg, "circle", { r: 5, class: "rk-dot" });
    plot = () => {
      heading.textContent = `row t = ${t}` + (names.length > 1 ? ` · ${names[shown]}; the others in grey` : "");
      paths.forEach((path, i) => {
        const values = rows[i][t - 1].map((value, k) => [x(t - 1 - k), value]).filter(([, value]) => value >= 10 ** low);
        path.setAttribute("d", values.map(([at, value], k) => `${k ? "L" : "M"}${at.toFixed(1)} ${y(value).toFixed(1)}`).join(""));
        path.classList.toggle("rk-now", i === shown);
      });
      svg.append(paths[shown], dot); // the chosen line on top
      const value = rows[shown][t - 1][s - 1];
      dot.setAttribute("cx", x(t - s));
      dot.setAttribute("cy", value > 0 ? y(value) : top + height);
    };
    follow(svg, (px) => move(t, t - Math.round(((px - left) / (width - left - 12)) * (T - 1))));
    show();
  }

  function move(toT, toS) {
    t = clamp(toT, 1, T);
    s = clamp(toS, 1, t);
    show();
  }

  function show() {
    paint();
    plot();
    press(shown);
    const value = rows[shown][t - 1][s - 1];
    formula(status, `‖∂loss_t/∂h_s‖, t = ${t}, s = ${s}, lag ${t - s}: ${value ? written(value, 3) : "exactly 0"}`
      + (names.length > 1 ? ` (${names[shown]})` : ""));
    tell({ shown, t, s });
  }

  keys(map, ({ shiftKey }) => {
    const far = shiftKey ? 10 : 1;
    return {
      ArrowUp: () => move(t - far, s), ArrowDown: () => move(t + far, s), ArrowLeft: () => move(t, s - far),
      ArrowRight: () => move(t, s + far), Home: () => move(t, 1), End: () => move(t, t),
    };
  });
  drawAtWidth(map, drawMap);
  drawAtWidth(curve, drawCurve);
  show();
  return (state) => { shown = state.shown; move(state.t, state.s); };
}

register("heatmap", heatmap);
