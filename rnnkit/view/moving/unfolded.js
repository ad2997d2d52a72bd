// A computational graph that unfolds, with the copies of one weight or a path marked.
const RADIUS = 15;
// how each kind of node is drawn, as in the book's still drawings
const COLOURS = { input: "s0", state: "s1", output: "s2", loss: "s3", parameter: "s4" };

function unfolded(root, stage, { T, marks, folded, unfolded: whole, folds, weights, ends, paths }, tell) {
  let [step, mark] = [T, 0];
  const press = choice(stage, "Mark", marks, (i) => { mark = i; show(); });
  const scroll = add(stage, "div", { class: "rk-wide", tabindex: 0, role: "group", "aria-label": "Drawing" });
  const walk = slider(stage, {
    name: "Steps", last: T, start: T, every: 900, value: (n) => (n ? `t = ${n}` : "folded"),
    moved: (to) => { step = to; show(); },
    quiet: (on) => status.setAttribute("aria-live", on ? "off" : "polite"),
  });
  const { status, say } = statusLine(stage);

  /** What the pressed button marks in the drawing that is shown: edges as "from>to", and nodes. */
  function marked() {
    const path = ends && mark > weights.length ? paths[Math.max(step, 1) - 1]?.nodes[mark - weights.length - 1] ?? [] : [];
    const { edges, nodes } = mark && mark <= weights.length ? weights[mark - 1]
      : { edges: path.slice(1).map((to, k) => [path[k], to]), nodes: path };
    const as = (id) => (step ? id : folds[id]);
    return { edges: new Set(edges.map(([a, b]) => `${as(a)}>${as(b)}`)), nodes: new Set(nodes.map(as)) };
  }

  function draw(width) {
    const graph = step ? whole : folded;
    const all = [...whole.nodes, ...folded.nodes]; // one frame for all steps, so that nothing jumps
    const span = (axis, from) => [Math.min(...from.map((n) => n[axis])) - 0.75, Math.max(...from.map((n) => n[axis])) + 0.75];
    const [[left, right], [low, high]] = [span("x", all), span("y", all)];
    const unit = clamp(width / (right - left), 40, 72);
    const total = Math.max(width, (right - left) * unit);
    const [from, to] = span("x", graph.nodes);
    const shift = step ? (total - (right - left) * unit) / 2 : (width - (to - from) * unit) / 2 + (left - from) * unit;
    const svg = drawing(scroll, total, (high - low) * unit + 24, stage.dataset.rkAlt);
    svg.style.width = `${total}px`;
    const at = Object.fromEntries(graph.nodes.filter(({ t }) => !step || t === null || t <= step)
      .map((n) => [n.id, { ...n, x: shift + (n.x - left) * unit, y: 12 + (high - n.y) * unit }]));
    const { edges, nodes } = marked();
    for (const [from, to, delay, bend] of graph.edges) {
      const [a, b] = [at[from], at[to]];
      if (a && b) arrow(svg, a, b, delay, bend, edges.has(`${from}>${to}`) ? "rk-edge rk-now" : "rk-edge", unit);
    }
    for (const node of Object.values(at)) {
      const group = add(svg, "g", { class: `rk-node rk-of-${COLOURS[node.kind] ?? "fixed"}${nodes.has(node.id) ? " rk-now" : ""}` });
      add(group, "circle", { cx: node.x, cy: node.y, r: RADIUS });
      label(group, node.x, node.y + 5, node.name, { class: node.name.length > 7 ? "rk-row" : "rk-math rk-tight" });
    }
  }

  /** An edge: straight, bent around a node, or a loop; with the black square of the folded graph. */
  function arrow(svg, a, b, delay, bend, classes, unit) {
    const group = add(svg, "g", { class: classes });
    const loop = a === b;
    const control = loop ? [a.x + unit * 1.15, a.y] : [(a.x + b.x) / 2 + bend * (a.y - b.y), (a.y + b.y) / 2 + bend * (b.x - a.x)];
    const turned = (p, cx, cy, r) => { // the point of the circle around p that looks at the control point
      const far = Math.hypot(cx - p.x, cy - p.y);
      return [p.x + ((cx - p.x) / far) * r, p.y + ((cy - p.y) / far) * r];
    };
    const lift = loop ? unit * 0.62 : 0;
    const start = turned(a, control[0], control[1] - lift, RADIUS + 1);
    const tip = turned(b, control[0], control[1] + lift, RADIUS + 2);
    const neck = turned(b, control[0], control[1] + lift, RADIUS + 8);
    const curve = loop ? `C${control[0]} ${control[1] - lift} ${control[0]} ${control[1] + lift}` : `Q${control}`;
    add(group, "path", { d: `M${start} ${curve} ${neck}`, class: "rk-way" });
    const [ux, uy] = [(tip[0] - neck[0]) / 6, (tip[1] - neck[1]) / 6];
    const wing = (side) => `${neck[0] - ux * 2 - uy * side},${neck[1] - uy * 2 + ux * side}`;
    add(group, "polygon", { points: `${tip} ${wing(4)} ${wing(-4)}` });
    if (!delay) return;
    const middle = loop ? [a.x + unit * 0.92, a.y] : [0, 1].map((k) => (start[k] + 2 * control[k] + tip[k]) / 4);
    add(group, "rect", { x: middle[0] - 5, y: middle[1] - 5, width: 10, height: 10, class: "rk-delay" });
    if (delay > 1) label(group, middle[0] + 10, middle[1] + 4, delay, { class: "rk-tick" });
  }

  const when = Object.fromEntries(whole.nodes.map(({ id, t }) => [id, t]));
  function sentence() {
    if (mark && mark <= weights.length) {
      const { edges, nodes } = weights[mark - 1];
      const copies = [...edges.map(([, target]) => target), ...nodes].filter((id) => when[id] === null || when[id] <= step).length;
      if (step) return `${marks[mark]} is used in ${copies} ${copies === 1 ? "place" : "places"}: it is one and the same array.`;
      return `${marks[mark]} stands here once, whatever the number of steps.`;
    }
    const found = ends && mark && step ? paths[step - 1] : null;
    if (!found) return mark ? "Unfold the graph to see its paths." : "";
    const words = `From ${ends[0]} to ${ends[1]}${whole.nodes.some((n) => n.t && n.name.startsWith(`${ends[1]}_`)) ? `_{${step}}` : ""}`;
    return `${words}: longest path ${found.longest}, shortest ${found.shortest}, ${found.count} ${found.count === 1 ? "path" : "paths"} in all.`;
  }

  let wide = 0;
  function show() {
    press(mark);
    if (wide) draw(wide);
    say(step ? `unfolded over ${step} ${step === 1 ? "step" : "steps"}` : "folded: a filled square is one step of time", sentence());
    tell({ step, mark });
  }
  drawAtWidth(scroll, (width) => { wide = width; draw(width); });
  walk.start();
  return (state) => {
    mark = state.mark;
    walk.set(state.step);
    show();
  };
}

register("unfolded", unfolded);
