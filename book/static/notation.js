/* The page-wide notation switch: rewrites every formula of a page into the letters of one lecture.
   `rnnkitNotation` (notation-map.js, made from book/notation.toml) holds the letters. A formula's TeX is read token by
   token, never searched as text: `\text{...}`, names of operators and environments are left alone. */
(() => {
  const { lectures, symbols } = window.rnnkitNotation;
  const ARGUMENTS = { frac: 2, dfrac: 2, tfrac: 2, cfrac: 2, binom: 2, sqrt: 1, overset: 2, underset: 2, stackrel: 2 };
  const VERBATIM = { text: 1, textrm: 1, textbf: 1, textit: 1, texttt: 1, mbox: 1, operatorname: 1, label: 1, tag: 1,
    ref: 1, eqref: 1, begin: 1, end: 1, color: 1, hspace: 1, kern: 0, class: 1, href: 1 };
  const NAMED = new Set(("hat bar tilde vec dot ddot widehat widetilde overrightarrow overleftarrow mathbf mathrm mathsf " +
    "mathcal mathbb mathit mathfrak boldsymbol bm").split(" "));  // a letter and what it wears are one name
  const LETTERS = new Set(("alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi " +
    "pi rho sigma tau phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell odot").split(" "));

  const tokens = (tex) => tex.match(/\\[A-Za-z]+\*?|\\[\s\S]|\s+|[\s\S]/g) || [];
  const bare = (template) => template.replace(/_\{#\}|\^\{\(?#\)?\}|,#|\[#[^\]]*\]/, "");
  const plain = (sub) => sub.replace(/[{}\s]/g, "");
  // `t-1`, `k`, `0` tell which; `max` or `leaf` are names
  const isIndex = (sub) => !/[A-Za-z]{2}|\\(text|math|max|min|operatorname)/.test(sub.replace(/\\(ell|tau|[lc]?dots)/g, "0"));

  function untransposed(letter) {
    if (!letter.endsWith("^\\top")) return [letter, false];
    return [letter.slice(0, -5).replace(/^\((.*)\)$/, "$1"), true];
  }

  /* Which symbols a formula at this place of the book can mean; one bound to the place goes before one that is not. */
  function dictionary(lecture, place) {
    const fits = (symbol) => !symbol.only || symbol.only.some((word) => place.includes(word));
    const found = { indexed: {}, exact: {} };
    const inOrder = [...symbols.filter((s) => !s.only), ...symbols.filter((s) => s.only && fits(s))];
    for (const symbol of inOrder) {
      const special = (symbol.variants || []).find((v) => v.lecture === lecture && v.only.some((w) => place.includes(w)));
      const letter = special ? special.letter : symbol.letters[lecture];
      found[symbol.indexed ? "indexed" : "exact"][symbol.key] = { symbol, letter };
    }
    return found;
  }

  /* Rewrite one formula. `report` gathers what was met: letters used, symbols without one. */
  function rewrite(tex, lecture, place = "", report = { taken: new Set(), missing: new Map() }) {
    const words = dictionary(lecture, place);
    const input = tokens(tex);
    let at = 0;
    const skip = () => { while (/^\s/.test(input[at] || "")) at++; };

    function rawGroup() {  // what stands between braces, as it is; or one token
      skip();
      if (input[at] !== "{") return input[at++] || "";
      let depth = 0, text = "";
      do {
        depth += input[at] === "{" ? 1 : input[at] === "}" ? -1 : 0;
        text += input[at++];
      } while (depth && at < input.length);
      return text;
    }
    function optional() {  // [1ex], [3]
      if (input[at] !== "[") return "";
      let text = "";
      do text += input[at]; while (input[at++] !== "]" && at < input.length);
      return text;
    }
    const nested = (text) => rewrite(text, lecture, place, report);
    const inner = (group) => (group.startsWith("{") ? group.slice(1, -1) : group);
    function argument() {
      let group = rawGroup();
      if (NAMED.has(group.slice(1)) || group.slice(1) in VERBATIM) group += rawGroup();
      return inner(group);
    }

    function atom(base) {  // a letter with its primes, index and power
      const a = { base, primes: "", sub: null, sup: null };
      for (;;) {
        const before = at;
        skip();
        const next = input[at];
        if (next === "'" && a.sup === null) { a.primes += "'"; at++; }
        else if (next === "_" && a.sub === null) { at++; a.sub = argument(); }
        else if (next === "^" && a.sup === null) { at++; a.sup = argument(); }
        else { at = before; return resolve(a); }
      }
    }

    function resolve(a) {
      const key = a.base + a.primes;
      const exact = words.exact[a.sub === null ? key : `${key}_${plain(a.sub)}`];
      const indexed = (a.sub === null || isIndex(a.sub)) && words.indexed[key];
      const bound = exact && exact.symbol.only;  // what a letter means in this place goes before all else, lettered or not
      const match = exact && (exact.letter || bound || !indexed) ? exact : indexed;
      if (match && match.letter) {
        if (identity(match.letter) !== match.symbol.key) report.taken.add(identity(match.letter));
        const template = match.letter;
        const text = a.sub === null || match === exact ? bareUnless(match === exact, template)
          : template.replace("#", () => nested(a.sub));
        return raised(text, a.sup);
      }
      if (match) report.missing.set(match.symbol.key, match.symbol);
      return kept(a, Boolean(match), a.sub === null || (match && match === indexed) ? key : `${key}_${plain(a.sub)}`);
    }
    const bareUnless = (exact, template) => (exact ? template : bare(template));

    function raised(letter, sup) {  // W^T to the power T is W; any other power goes outside
      let [core, transposed] = untransposed(letter);
      const sign = core.startsWith("-") ? "-" : "";
      if (sign) core = core.slice(1);
      const power = sup === null ? "" : sup.trim() === "\\top" ? "\\top" : nested(sup);
      if (power === "\\top") transposed = !transposed;
      const closed = /[\^[]/.test(core) ? `(${core})` : core;
      if (power && power !== "\\top") return sign + (transposed ? `(${closed}^\\top)` : closed) + `^{${power}}`;
      return sign + (transposed ? `${closed}^\\top` : core);
    }

    function kept(a, ours, id) {  // our letter stays; sans-serif where the lecture means something else by it
      const clash = report.clashes && report.clashes.has(id) && (ours || a.sub === null) && /^[A-Za-z]$/.test(a.base);
      const named = ours && id !== a.base + a.primes || a.sub !== null && (!isIndex(a.sub) || plain(a.sub) in words.indexed);
      const sub = a.sub === null ? "" : `_{${named ? a.sub : nested(a.sub)}}`;  // the y in W_y is no target, only a name
      const sup = a.sup === null ? "" : `^{${nested(a.sup)}}`;
      return (clash ? `\\mathsf{${a.base}}` : a.base) + a.primes + sub + sup;
    }

    let output = "";
    function emit(text) {
      if (text.startsWith("-")) {  // a bias that the lecture subtracts: `+ b` becomes `- B`
        const plus = output.match(/\+(\s*)$/);
        if (plus) output = output.slice(0, -plus[0].length) + "-" + plus[1];
        else if (output.trim()) text = `(${text})`;
        if (plus) text = text.slice(1);
      }
      if (/\\[A-Za-z]+$/.test(output) && /^[A-Za-z]/.test(text)) output += " ";
      output += text;
      if (/\\[A-Za-z]+$/.test(text) && /^[A-Za-z]/.test(input[at] || "")) output += " ";
    }

    function command(word) {
      const name = word.slice(1).replace("*", "");
      if (name in VERBATIM) {
        output += word;
        for (let n = VERBATIM[name]; n; n--) output += rawGroup();
        if (name === "begin" && /\{(array|alignat\*?)\}$/.test(output)) output += rawGroup();
      } else if (NAMED.has(name)) emit(atom(`${word}{${inner(rawGroup())}}`));
      else if (name in ARGUMENTS) {
        output += word + optional();
        for (let n = ARGUMENTS[name]; n; n--) output += `{${nested(argument())}}`;
      } else if (LETTERS.has(name)) emit(atom(word));
      else output += word === "\\\\" ? word + optional() : word;
    }

    while (at < input.length) {
      const token = input[at++];
      if (/^[A-Za-z]$/.test(token)) emit(atom(token));
      else if (token === "_" || token === "^") output += `${token}{${nested(argument())}}`;
      else if (/^\\/.test(token)) command(token);
      else output += token;
    }
    return output;
  }

  /* What a reader sees when a letter stands alone: the same for h_t, h_{t-1} and h. */
  const identity = (letter) => plain(bare(untransposed(letter)[0]).replace(/^-/, ""));

  /* Rewrite all formulas of a page: once to learn which letters the lecture takes, then with the clashes marked. */
  function rewriteAll(formulas, lecture) {
    const report = { taken: new Set(), missing: new Map(), clashes: null };
    for (const { tex, place } of formulas) rewrite(tex, lecture, place, report);
    report.clashes = report.taken;
    report.texts = formulas.map(({ tex, place }) => rewrite(tex, lecture, place, report));
    return report;
  }

  Object.assign(window.rnnkitNotation, { rewrite, rewriteAll, lectures });
})();

/* The control: a button in the header, a panel with one choice for each lecture, and a note above the text. */
(() => {
  const { lectures, rewriteAll } = window.rnnkitNotation;
  const KEY = "rnnkit-notation";
  const OURS = "book";
  const TABLES = "reference/notation";  // shows all letters, and keeps its formulas
  const page = DOCUMENTATION_OPTIONS.pagename;
  const root = document.documentElement.dataset.content_root || "./";

  const remembered = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const remember = (choice) => { try { localStorage.setItem(KEY, choice); } catch { /* private window: for now only */ } };

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  /* The formulas that Sphinx has written: where each stands, and its TeX between \\( \\) or \\[ \\]. */
  function collect() {
    const found = [];
    for (const host of document.querySelectorAll("article .math, .bd-toc .math")) {
      const text = [...host.childNodes].find((node) => node.nodeType === 3 && /^\s*\\[([]/.test(node.data));
      const parts = text && text.data.match(/(\\[([])([\s\S]*)(\\[)\]])/);
      if (!parts || host.closest(".rk-our-letters")) continue;
      const sections = [];
      for (let s = host.closest("section"); s; s = s.parentElement.closest("section")) {
        sections.push(s.id, ...[...s.children].filter((child) => child.matches("span[id]")).map((child) => child.id));
      }
      const wrap = (tex) => parts[1] + tex + parts[3];
      found.push({ host, text, wrap, tex: parts[2], shown: parts[2], place: [page, ...sections].join(" ") });
    }
    return found;
  }

  const formulas = page === TABLES ? [] : collect();
  const note = element("p", { class: "rk-notation-note", hidden: "" });
  const status = element("p", { class: "rk-notation-status", role: "status" });
  let work = Promise.resolve();

  function describe(choice, missing) {
    const lecture = lectures.find((one) => one.key === choice);
    document.documentElement.dataset.notation = choice;
    if (page === TABLES) {
      return lecture ? `A narrow screen shows the letters of ${lecture.name} beside ours.` : "All lectures are shown.";
    }
    if (!lecture) {
      note.hidden = true;
      note.textContent = "";
      return "Formulas are in this book\u2019s letters.";
    }
    const names = [...missing.values()].map((symbol) => symbol.name);
    const lacking = names.length === 0 ? "Every symbol of this page has a letter there."
      : `${names.length} ${names.length === 1 ? "symbol has" : "symbols have"} no letter there and keep ours: ${names.join(", ")}.`;
    note.textContent = `Formulas in the letters of ${lecture.name}. ${lecture.note} Letters in sans-serif are ours, where ` +
      "the lecture means something else by them. Figures and code keep this book\u2019s letters.";
    note.hidden = false;
    return `Formulas are in the letters of ${lecture.name}. ${lacking}`;
  }

  function rewritten(choice) {
    if (choice === OURS) return { texts: formulas.map((formula) => formula.tex), missing: new Map() };
    return rewriteAll(formulas, choice);
  }

  /* Before MathJax has run, changing the text is enough; afterwards its output is replaced and set anew. */
  async function apply(choice) {
    const { texts, missing } = rewritten(choice);
    const changed = formulas.filter((formula, n) => formula.shown !== texts[n]);
    const typeset = changed.filter(({ host }) => host.querySelector("mjx-container"));
    if (typeset.length) MathJax.typesetClear(typeset.map(({ host }) => host));
    formulas.forEach((formula, n) => {
      if (formula.shown === texts[n]) return;
      const container = formula.host.querySelector("mjx-container");
      if (container) container.replaceWith(formula.text = new Text(formula.wrap(texts[n])));
      else formula.text.data = formula.wrap(texts[n]);
      formula.shown = texts[n];
    });
    if (typeset.length) await MathJax.typesetPromise(typeset.map(({ host }) => host));
    status.textContent = describe(choice, missing);
  }

  function choose(choice) {
    remember(choice);
    work = work.then(() => window.MathJax?.startup?.promise).then(() => apply(choice));
    return work;
  }

  function panel(current) {
    const options = [{ key: OURS, name: "This book" }, ...lectures].map(({ key, name }) => {
      const input = element("input", { type: "radio", name: "rk-notation", value: key });
      input.checked = key === current;
      input.addEventListener("change", () => choose(key));
      return element("label", {}, input, ` ${name}`);
    });
    const help = element("p", {}, "Rewrites the formulas of every page; figures and code keep this book\u2019s letters. ",
      element("a", { href: `${root}reference/notation.html` }, "All letters side by side"));
    const fieldset = element("fieldset", {}, element("legend", {}, "Notation"), ...options);
    return element("div", { id: "rk-notation", class: "rk-notation-panel", popover: "" }, fieldset, status, help);
  }

  function start() {
    const buttons = document.querySelector(".article-header-buttons");
    const article = document.querySelector("article.bd-article");
    if (!buttons || !article || !(formulas.length || page === TABLES)) return;
    const wanted = remembered();
    const current = lectures.some((lecture) => lecture.key === wanted) ? wanted : OURS;
    const button = element("button", { class: "btn btn-sm rk-notation-button", type: "button", popovertarget: "rk-notation",
      title: "Notation: letters of another lecture", "aria-label": "Notation" });  // x\u2192y comes from the style sheet
    buttons.prepend(button);
    buttons.closest(".bd-header-article, header, div").after(panel(current));
    article.querySelector("h1")?.after(note);
    if (current !== OURS) apply(current);
  }

  window.rnnkitNotation.choose = choose;
  start();
})();
