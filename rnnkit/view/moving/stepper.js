// The backward pass, step by step: an unfolded graph, the sums over time, and the algorithm beside them.
const ROWS = { L: 26, o: 88, h: 170, x: 252 };
const HEIGHT = 288;

function stepper(root, stage, { T, code, steps }, tell) {
  let current = 0; // 0: before the pass; n: after micro-step n
  const parts = {}; // nodes, edges and numbers of the graph by name: "h3", "h3>h2", "#h3"
  const graph = add(stage, "div", { class: "rk-graph" });

  const sums = add(stage, "div", { class: "rk-sums" });
  add(sums, "p", { class: "rk-small" }, "Gradients of the weights, summed up so far (norm)");
  const bars = Object.keys(steps[0].sums).map((name) => {
    const row = add(sums, "div", { class: "rk-bar" });
    formula(add(row, "span", { class: "rk-math" }), `d${name}`);
    const fill = add(add(row, "span", { class: "rk-track" }), "span", { class: "rk-fill" });
    const top = Math.max(...steps.map((step) => step.sums[name])) || 1;
    return { name, row, fill, top, value: add(row, "span", { class: "rk-value" }) };
  });

  const walk = slider(stage, {
    name: "Micro-step of the backward pass", last: steps.length, every: 1100,
    moved: (to) => { current = to; show(); },
    quiet: (on) => status.setAttribute("aria-live", on ? "off" : "polite"), // silent while it runs
  });
  const { status, where, say } = statusLine(stage);

  const listing = add(stage, "ol", { class: "rk-code", "aria-label": "The algorithm" });
  const lines = code.map(({ line, text, says }) => {
    const item = add(listing, "li", { value: line });
    add(item, "span", { class: "rk-number", "aria-hidden": "true" }, String(line));
    formula(add(item, "code"), text);
    if (says) formula(add(item, "span", { class: "rk-says" }), says);
    return item;
  });

  function draw(width) {
    const svg = drawing(graph, width, HEIGHT, stage.dataset.rkAlt);
    const column = (width - 18) / (T + 1); // the last column has a number on its right
    const radius = Math.min(17, column * 0.31);
    const x = (t) => column * (t + 0.5);
    const symbol = (parent, text, at) => formula(add(parent, "text", { class: "rk-math", ...at }), text);
    const edge = (from, to, classes, weight) => {
      const [a, b] = [from, to].map((name) => ({ x: x(Number(name.slice(1))), y: ROWS[name[0]] }));
      const length = Math.hypot(b.x - a.x, b.y - a.y);
      const [ux, uy] = [(b.x - a.x) / length, (b.y - a.y) / length];
      const at = (p, r) => ({ x: p.x + ux * r, y: p.y + uy * r });
      const [start, end] = [at(a, radius + 2), at(b, -radius - 2)];
      const group = add(svg, "g", { class: classes });
      const neck = at(end, -5);
      add(group, "line", { x1: start.x, y1: start.y, x2: neck.x, y2: neck.y });
      const wing = (side) => `${end.x - ux * 8 + uy * side},${end.y - uy * 8 - ux * side}`;
      add(group, "polygon", { points: `${end.x},${end.y} ${wing(4.5)} ${wing(-4.5)}` });
      if (weight) symbol(group, `dW_${weight}`, { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 + (ux ? -9 : 4) });
      parts[`${from}>${to}`] = group;
    };
    for (const [letter, words] of [["L", "losses"], ["o", "outputs"], ["x", "inputs"]])
      add(svg, "text", { x: x(0), y: ROWS[letter] + 4, class: "rk-row" }, words);
    // forward edges in grey first; the gradient's own, the other way, are drawn over them
    for (const forward of [true, false])
      for (let t = 1; t <= T; t++)
        for (const [from, to, weight] of [[`x${t}`, `h${t}`, "x"], [`h${t - 1}`, `h${t}`, "h"], [`h${t}`, `o${t}`, "y"], [`o${t}`, `L${t}`]])
          forward ? edge(from, to, "rk-edge") : edge(to, from, "rk-edge rk-back", weight);
    for (const letter of "hxoL")
      for (let t = letter === "h" ? 0 : 1; t <= T; t++) {
        const node = add(svg, "g", { class: "rk-node" });
        add(node, "circle", { cx: x(t), cy: ROWS[letter], r: radius });
        symbol(node, `${letter}_${t}`, { x: x(t), y: ROWS[letter] + 4, class: radius < 15 ? "rk-math rk-tight" : "rk-math" });
        parts[letter + t] = node;
        const beside = letter === "x" || (letter === "h" && t === 0) ? 0 : 5;
        parts[`#${letter}${t}`] = add(svg, "text", {
          x: x(t) + beside, y: ROWS[letter] + radius + 13, class: beside ? "rk-norm" : "rk-norm rk-middle",
        });
      }
    show();
  }

  function show() {
    const step = current ? steps[current - 1] : null;
    const reverse = (name) => name.split(">").reverse().join(">");
    const travelled = new Set(steps.slice(0, current).flatMap((earlier) => earlier.edges));
    for (const [name, part] of Object.entries(parts)) {
      const [letter, t] = [name.replace("#", "")[0], Number(name.replace(/\D*(\d+).*/, "$1"))];
      if (name.includes(">")) {
        part.classList.toggle("rk-past", travelled.has(name));
        part.classList.toggle("rk-now", Boolean(step?.edges.includes(name)));
        part.classList.toggle("rk-collect", Boolean(step?.collect.includes(name)));
        part.classList.toggle("rk-covered", travelled.has(reverse(name)) || Boolean(step?.collect.includes(reverse(name))));
        continue;
      }
      const value = step?.norms[{ o: "do", h: "dh", x: "dx" }[letter]]?.[letter === "h" ? t : t - 1];
      if (name[0] === "#") part.textContent = written(value);
      else part.classList.toggle("rk-has", value !== undefined && value !== null);
      part.classList.toggle("rk-now", Boolean(step?.nodes.includes(letter + t)));
    }
    lines.forEach((item, i) => {
      const active = Boolean(step) && code[i].line === step.line;
      item.classList.toggle("rk-now", active);
      active ? item.setAttribute("aria-current", "step") : item.removeAttribute("aria-current");
    });
    for (const { name, row, fill, value, top } of bars) {
      const sum = step ? step.sums[name] : 0;
      row.classList.toggle("rk-now", Boolean(step) && sum !== (current > 1 ? steps[current - 2].sums[name] : 0));
      fill.style.width = `${(100 * sum) / top}%`;
      value.textContent = written(sum);
    }
    const line = step && code.find((each) => each.line === step.line);
    say(`step ${current} of ${steps.length}` + (step ? ` · t = ${step.t} · line ${step.line}: ${line.says || line.text.trim()}` : ""),
      step ? step.note : "The forward pass is done; no gradient has been computed yet.");
    walk.speak(where.textContent);
    tell({ step: current });
  }

  drawAtWidth(graph, draw);
  walk.start();
  return ({ step }) => walk.set(step);
}

register("stepper", stepper);
