// Curves, stems, points and paths that follow a slider, in one panel or several.
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2"];
const exact = (value) => (value === null ? "–" : String(Number(value.toPrecision(4))).replaceAll("-", "−"));

/** One panel: `now` picks the numbers of the slider's position, `read` hears what is pointed at; `still`: no slider. */
function chart(parent, panel, now, read, still) {
  const { x: xAxis, y: yAxis, equal, disc, curves, alt } = panel;
  const box = add(parent, "div", { class: equal ? "rk-chart rk-square" : "rk-chart" });
  if (panel.title) formula(add(box, "p", { class: "rk-small" }), panel.title);
  const legend = add(box, "ul", { class: "rk-legend", hidden: "" });
  const looks = curves.map(({ fixed }, k) => ({ class: `rk-series rk-${fixed && !still ? "fixed" : `s${k % 5}`}`, "stroke-dasharray": DASHES[k % 5] }));
  curves.forEach(({ name, mark }, k) => {
    if (!name) return;
    const item = add(legend, "li");
    const sample = add(item, "svg", { viewBox: "0 0 26 10", "aria-hidden": "true" });
    if (mark !== "points") add(sample, "path", { ...looks[k], d: "M1 5H25" });
    if (mark !== "line") add(sample, "path", { class: `${looks[k].class} rk-dots`, d: "M13 5h0" });
    formula(add(item, "span"), name);
    legend.hidden = false;
  });
  const frame = add(box, "div", {
    class: "rk-panel", tabindex: 0, role: "application", "aria-roledescription": "chart",
    "aria-label": `${alt}: the left and right arrow keys read its numbers`,
  });
  let [chosen, i] = [0, null]; // the curve and the point that are read out
  let paint = () => {};

  function draw(width) {
    const [left, right, top] = [46, 14, yAxis.label ? 24 : 10];
    const wide = Math.min(width - left - right, equal ? 340 : Infinity);
    const high = equal ? (wide * (yAxis.high - yAxis.low)) / (xAxis.high - xAxis.low) : clamp(0.6 * wide, 170, 260);
    const svg = drawing(frame, width, top + high + 40, alt);
    const along = yAxis.log ? Math.log10 : Number;
    const x = (value) => left + (wide * (value - xAxis.low)) / (xAxis.high - xAxis.low);
    const y = (value) => top + high * (1 - (along(value) - along(yAxis.low)) / (along(yAxis.high) - along(yAxis.low)));
    const grid = (x1, x2, y1, y2) => add(svg, "line", { x1, x2, y1, y2, class: "rk-grid" });
    if (yAxis.log)
      for (const d of decades(Math.ceil(Math.log10(yAxis.low) - 1e-9), Math.floor(Math.log10(yAxis.high) + 1e-9))) {
        grid(left, left + wide, y(10 ** d), y(10 ** d));
        power(svg, left - 6, y(10 ** d) + 4, d, { class: "rk-tick rk-end" });
      }
    else
      for (const value of ticks(yAxis.low, yAxis.high, Math.max(2, Math.floor(high / 40)))) {
        grid(left, left + wide, y(value), y(value));
        label(svg, left - 6, y(value) + 4, exact(value), { class: "rk-tick rk-end" });
      }
    for (const value of ticks(xAxis.low, xAxis.high, Math.max(2, Math.floor(wide / 55)))) {
      if (equal) grid(x(value), x(value), top, top + high);
      label(svg, x(value), top + high + 16, exact(value));
    }
    label(svg, left + wide / 2, top + high + 35, xAxis.label, { class: "rk-label rk-middle" });
    label(svg, 2, 12, yAxis.label, { class: "rk-label" });
    const clip = `rk-clip-${Math.random().toString(36).slice(2)}`;
    add(add(add(svg, "defs"), "clipPath", { id: clip }), "rect", { x: left - 5, y: top - 5, width: wide + 10, height: high + 10 });
    const plot = add(svg, "g", { "clip-path": `url(#${clip})` });
    if (disc) add(plot, "circle", { cx: x(0), cy: y(0), r: x(1) - x(0), class: "rk-frame" });
    const cursor = add(plot, "line", { y1: top, y2: top + high, class: "rk-cursor", visibility: "hidden" });
    const lines = looks.map((look) => [add(plot, "path", look), add(plot, "path", { class: `${look.class} rk-dots` })]);
    const rings = curves.map(() => add(plot, "circle", { r: 5, class: "rk-dot", visibility: "hidden" }));
    const shown = (value) => value !== null && (!yAxis.log || value > 0);
    const ground = yAxis.log ? top + high : y(clamp(0, yAxis.low, yAxis.high));

    paint = () => {
      curves.forEach((curve, k) => {
        const [xs, ys] = [now(curve.x), now(curve.y)];
        let [stroke, dots, drawing] = ["", "", false];
        xs.forEach((value, n) => {
          const visible = value !== null && shown(ys[n]);
          if (visible) {
            const [px, py] = [x(value).toFixed(1), y(ys[n]).toFixed(1)];
            stroke += curve.mark === "stem" ? `M${px} ${ground.toFixed(1)}V${py}` : `${drawing ? "L" : "M"}${px} ${py}`;
            dots += `M${px} ${py}h0`;
          }
          drawing = visible;
        });
        lines[k][0].setAttribute("d", curve.mark === "points" ? "" : stroke);
        lines[k][1].setAttribute("d", curve.mark === "line" ? "" : dots);
      });
      for (const element of [cursor, ...rings]) element.setAttribute("visibility", "hidden");
      if (i !== null) mark();
    };
    const ring = (k, n) => {
      const [value, height] = [now(curves[k].x)[n], now(curves[k].y)[n]];
      if (value === null || !shown(height)) return;
      for (const [name, to] of [["cx", x(value)], ["cy", y(height)], ["visibility", "visible"]]) rings[k].setAttribute(name, to);
    };
    function mark() {
      const xs = now(curves[chosen].x);
      i = clamp(i, 0, xs.length - 1);
      const value = xs[i];
      if (equal) {
        ring(chosen, i);
        const name = curves[chosen].name || "point";
        read(`${name}, ${i + 1} of ${xs.length}: ${xAxis.label || "x"} ${exact(value)}, ${yAxis.label || "y"} ${exact(now(curves[chosen].y)[i])}`);
        return;
      }
      for (const [name, to] of [["x1", x(value)], ["x2", x(value)], ["visibility", "visible"]]) cursor.setAttribute(name, to);
      const found = curves.map((curve, k) => [k, now(curve.x).indexOf(value)]).filter(([, n]) => n >= 0);
      for (const [k, n] of found) ring(k, n);
      const numbers = found.map(([k, n]) => `${curves[k].name || yAxis.label} ${exact(now(curves[k].y)[n])}`.trim());
      read(`${xAxis.label || "x"} = ${exact(value)}: ${numbers.join(" · ")}`);
    }
    follow(svg, (px, py) => {
      let nearest = Infinity;
      curves.forEach((curve, k) => {
        if (!equal && k !== base) return;
        const ys = now(curve.y);
        now(curve.x).forEach((value, n) => {
          const away = Math.hypot(x(value) - px, equal && ys[n] !== null ? y(ys[n]) - py : 0);
          if (away < nearest) [nearest, chosen, i] = [away, k, n];
        });
      });
      paint();
    });
    paint();
  }

  // along x the curve with most points leads
  const base = curves.reduce((most, curve, k) => (now(curve.x).length > now(curves[most].x).length ? k : most), 0);
  chosen = base;
  const to = (n) => { i = n; paint(); };
  keys(frame, ({ shiftKey }) => {
    const far = shiftKey ? 10 : 1;
    const turn = (by) => { chosen = (chosen + by + curves.length) % curves.length; to(i ?? 0); };
    return {
      ArrowLeft: () => to((i ?? 1) - far), ArrowRight: () => to((i ?? -1) + far), Home: () => to(0), End: () => to(Infinity),
      ...(equal && curves.length > 1 ? { ArrowUp: () => turn(-1), ArrowDown: () => turn(1) } : {}),
    };
  });
  drawAtWidth(frame, draw);
  return () => paint();
}

function panels(root, stage, { sliders, panels: all, notes }, tell) {
  const at = sliders.map(({ start }) => start);
  const position = () => (at.length > 1 ? at[0] * sliders[1].values.length + at[1] : at[0] ?? 0);
  const now = (values) => (Array.isArray(values[0]) ? values[position()] : values);
  const box = add(stage, "div", { class: "rk-panels" });
  const chosen = (k, i) => `${sliders[k].name} = ${sliders[k].values[i]}`;
  const controls = sliders.map(({ name, values, start }, k) => slider(stage, {
    name, last: values.length - 1, start, every: k ? 0 : 400, value: (i) => chosen(k, i),
    moved: (i) => { at[k] = i; show(); },
    quiet: (on) => status.setAttribute("aria-live", on ? "off" : "polite"),
  }));
  const { status, where, say } = statusLine(stage);
  (notes ? where : status).classList.add("rk-paper"); // beside the slider it stands anyway
  const reading = add(stage, "p", { class: "rk-read rk-note", role: "status" }, "Point at the drawing to read its numbers, or go there with the keyboard and use the arrow keys.");
  const paints = all.map((panel) => chart(box, panel, now, (text) => formula(reading, text), !sliders.length));

  function show() {
    for (const paint of paints) paint();
    say(at.map((i, k) => chosen(k, i)).join(" · "), notes ? notes[position()] : "");
    tell(Object.fromEntries(at.map((i, k) => [k ? "index2" : "index", i])));
  }
  for (const each of controls) each.start();
  if (!sliders.length) show();
  return (state) => controls.forEach((each, k) => each.set(state[k ? "index2" : "index"]));
}

register("panels", panels);
