// Cells that a reader can change and run in the page (see book/coursebook/live.py). Plain JavaScript, no dependencies.
// Nothing is fetched before the first Run. Then one worker per page loads Python (live-worker.mjs).
(() => {
"use strict";
const script = document.currentScript;
const beside = (name) => new URL(`${name}?v=${script.dataset.edition}`, script.src).href;
const NOTEBOOK = "download the notebook and run it on your own machine";
const FIRST = "The first Run loads Python, about 17 MB, or 10 MB where the host packs its files."; // a test holds the figure to what is loaded
const STOPPED = "Stopped. The next Run starts Python anew and runs the cells before it first.";

/** Append an element and return it. */
function add(parent, tag, attributes = {}, text = "") {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  parent.append(element);
  return element;
}

// ---------- Python ----------

/** Why no cell can run here at all, in one sentence; empty where they can. */
function hindrance() {
  if (location.protocol === "file:")
    return `This page was opened as a file, and a browser starts Python only on a page from a server: ${NOTEBOOK}.`;
  let modules = false; // a browser that knows module workers asks for the option `type`
  try {
    new Worker("data:text/javascript,", { get type() { modules = true; } }).terminate();
  } catch { /* it may refuse the address: all the same */ }
  if (!modules || typeof WebAssembly !== "object")
    return `This browser is too old to run Python in a page: use a newer one, or ${NOTEBOOK}.`;
  return "";
}

/** The page's one Python. It takes one cell at a time; what the cell shows goes to `listener` while it runs. */
const python = {
  worker: null, answer: null, listener: null,

  async start(listener) {
    if (this.worker) return;
    for (const cell of page.cells) if (cell.status?.textContent === FIRST) cell.say("");
    this.worker = new Worker(beside("live-worker.mjs"), { type: "module" });
    this.worker.onmessage = ({ data }) => this.hear(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.hear({ type: "broken", text: event.message || "its script was not found" });
    };
    await this.ask({ type: "start", runnerAddress: beside("live_runner.py") }, listener);
  },

  /** Send a message; what comes back last settles it. */
  ask(message, listener) {
    return new Promise((resolve, reject) => {
      this.answer = { resolve, reject, starting: message.type === "start" };
      this.listener = listener;
      this.worker.postMessage(message);
    });
  },

  hear(data) {
    if (data.type === "done" || data.type === "ready") this.answer?.resolve(data.wrong || "");
    else if (data.type === "broken") this.broken(data.text);
    else this.listener?.(data);
  },

  broken(text) {
    const why = this.answer?.starting
      ? `Python could not be loaded (${text}). Look at your connection and press Run again, or ${NOTEBOOK}.`
      : `Python has ended (${text}). The next Run starts it anew and runs the cells before it first.`;
    this.end(why);
  },

  end(why) {
    this.worker?.terminate();
    this.worker = null;
    page.done = 0;
    this.answer?.reject(new Error(why));
    this.answer = null;
  },
};

// ---------- the page ----------

/** All tagged cells in order. The first `done` of them have run in this Python, in order, as they now stand. */
const page = {
  cells: [], done: 0, turn: Promise.resolve(),

  /** Run a cell after those before it that have not run, or have been changed since. One cell at a time. */
  run(cell) {
    this.turn = this.turn.then(() => cell.wanted && this.upTo(cell)).catch((error) => cell.wanted && cell.failed(error.message));
    return this.turn;
  },

  async upTo(cell) {
    const problem = hindrance();
    if (problem) throw new Error(problem);
    await python.start((message) => cell.hear(message));
    const index = this.cells.indexOf(cell);
    const changed = this.cells.findIndex((each) => each.code !== each.ran);
    if (changed >= 0) this.done = Math.min(this.done, changed);
    const before = this.cells.slice(this.done, index);
    for (const [i, each] of before.entries()) {
      cell.say(`Running the cells before this one first: ${i + 1} of ${before.length} …`);
      const wrong = await this.one(each, each.quiet ? cell.listenForErrors(each) : each.begin());
      if (!each.quiet) each.say(wrong ? `${wrong}.` : `Done, as ${cell.name} stands on it.`);
      if (wrong) throw new Error(`${wrong} in a cell before this one, ${each.name}: mend or reset that one first.`);
    }
    cell.begin();
    cell.say("Running …");
    const started = performance.now();
    const wrong = await this.one(cell, (message) => cell.hear(message));
    cell.finished(wrong, (performance.now() - started) / 1000);
  },

  async one(cell, listener) {
    const code = cell.code;
    this.done = Math.min(this.done, this.cells.indexOf(cell));
    const wrong = await python.ask({ type: "run", cell: cell.name, code }, listener);
    if (wrong) return wrong;
    cell.ran = code;
    this.done = this.cells.indexOf(cell) + 1;
    return "";
  },

  stop() {
    python.end(STOPPED);
    for (const cell of this.cells) if (cell.wanted) cell.failed(STOPPED);
  },
};

/** A cell that only others stand on: it has a name and a code, and shows nothing. */
class Setup {
  constructor(box, name) {
    this.box = box;
    this.name = name;
    this.pre = box.querySelector(".cell_input pre");
    this.original = this.pre.textContent.replace(/\n$/, "");
  }
  get code() { return this.original; }
  get quiet() { return true; }
}

/** A cell with buttons. */
class Live extends Setup {
  constructor(box, name) {
    super(box, name);
    const input = box.querySelector(".cell_input");
    const bar = add(input, "div", { class: "rk-live-bar", role: "group", "aria-label": `Run ${name}` });
    const button = (label, act) => {
      const made = add(bar, "button", { type: "button", class: "rk-live-button", "aria-label": `${label}: ${name}` }, label);
      made.addEventListener("click", () => made.getAttribute("aria-disabled") !== "true" && act());
      return made;
    };
    this.buttons = {
      run: button("Run", () => this.run()), stop: button("Stop", () => page.stop()),
      edit: button("Edit", () => this.edit()), reset: button("Reset", () => this.reset()),
    };
    this.status = add(bar, "span", { class: "rk-live-status", role: "status" }, FIRST);
    this.size = add(bar, "span", { class: "rk-live-status", "aria-hidden": "true" });
    this.show();
  }

  get code() { return this.editor ? this.editor.value : this.original; }
  get quiet() { return this.code === this.original; }

  say(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
    this.size.textContent = "";
  }

  /** Show the buttons that can do something now; the focus never falls off a button that goes. */
  show() {
    const { run, stop, edit, reset } = this.buttons;
    if (!this.wanted && document.activeElement === stop) run.focus();
    if (this.wanted) run.setAttribute("aria-disabled", "true");
    else run.removeAttribute("aria-disabled");
    stop.hidden = !this.wanted;
    edit.hidden = Boolean(this.editor);
    reset.hidden = !this.editor && !this.output;
  }

  run() {
    if (this.wanted) return;
    this.wanted = true;
    this.say("Waiting for the cell that is running …");
    this.show();
    page.run(this);
  }

  failed(text) {
    this.wanted = false;
    this.say(text);
    this.show();
  }

  finished(wrong, seconds) {
    const silent = !this.output.hasChildNodes();
    const done = `Done in ${Number(seconds.toPrecision(2))} s${silent ? "; this cell shows nothing" : ""}.`;
    this.failed(wrong ? `${wrong}.` : done);
    if (silent) this.output.hidden = true;
  }

  // ---------- what a run shows ----------

  /** Make room for what comes, above what the page was published with. Return who is to hear of it. */
  begin() {
    if (!this.output) {
      const published = this.box.querySelector(":scope > .cell_output, :scope > details > .cell_output");
      this.output = add(this.box, "div", { class: "rk-live-output", role: "group", "aria-label": `Output of ${this.name}` });
      if (published) {
        this.published = document.createElement("details");
        this.published.className = "rk-live-published";
        add(this.published, "summary", {}, "Output of the page as published");
        published.replaceWith(this.published);
        this.published.append(published);
        this.published.before(this.output);
      }
    }
    this.output.replaceChildren();
    this.output.hidden = false;
    this.text = null;
    this.show();
    return (message) => this.hear(message);
  }

  hear({ type, text, step, steps, what, bytes }) {
    if (type === "loading") {
      this.say(`Loading Python, step ${step} of ${steps}: ${what} …`);
      if (bytes) this.size.textContent = `${(bytes / 1e6).toFixed(1)} MB`;
    } else if (type === "fetching") this.say(`Loading ${what} …`);
    else if (type === "running") this.say("Running …");
    else if (type === "text" || type === "error") this.write(text, type === "error");
    else if (type === "html") this.place(text);
    else if (type === "image") this.picture(text);
  }

  /** For the cells before this one that show nothing of their own: only what went wrong there is told here. */
  listenForErrors(other) {
    return (message) => {
      if (message.type !== "error") return;
      this.begin();
      this.write(`In ${other.name}, which runs before this cell:\n${message.text}`, true);
    };
  }

  write(text, isError) {
    if (!this.text || isError) {
      this.text = add(this.output, "pre", { class: isError ? "rk-live-text rk-live-error" : "rk-live-text" });
    }
    this.text.append(text);
    if (isError) this.text = null;
  }

  /** Put HTML in; a script in it runs as in a page that is loaded, or figures that move would stand still. */
  place(html) {
    this.text = null;
    const box = add(this.output, "div", { class: "rk-live-html" });
    box.innerHTML = html;
    for (const old of box.querySelectorAll("script")) {
      const fresh = document.createElement("script");
      for (const { name, value } of old.attributes) fresh.setAttribute(name, value);
      fresh.textContent = old.textContent;
      old.replaceWith(fresh);
    }
    document.dispatchEvent(new CustomEvent("rk:output", { detail: box })); // for scripts that look after figures
  }

  picture(address) {
    this.text = null;
    const seen = this.published?.querySelector("img")?.alt || "";
    const alt = this.quiet && seen ? seen : `Figure drawn by the changed code. ${seen ? `As published: ${seen}` : ""}`;
    add(this.output, "img", { src: address, alt, class: "dark-light" });
  }

  // ---------- changing the code ----------

  edit() {
    const lines = this.original.split("\n").length;
    const hint = `Code of ${this.name}. Tab indents; Escape and then Tab leaves; Control Enter or Shift Enter runs.`;
    this.editor = document.createElement("textarea");
    for (const [name, value] of Object.entries({
      class: "rk-live-editor", rows: lines, wrap: "off", "aria-label": hint, autocapitalize: "off", autocomplete: "off",
      autocorrect: "off", spellcheck: "false", "data-lm-suppress-shortcuts": "true",
    })) this.editor.setAttribute(name, value);
    this.editor.value = this.original;
    this.shownCode = this.pre.closest("div[class*=highlight-]") || this.pre;
    this.shownCode.hidden = true;
    this.shownCode.after(this.editor);
    this.editor.addEventListener("keydown", (event) => this.key(event));
    this.editor.addEventListener("input", () => this.fit());
    this.say("Tab indents; Escape, then Tab, leaves. Ctrl+Enter or Shift+Enter runs.");
    this.show();
    this.editor.setSelectionRange(0, 0);
    this.editor.focus();
    this.editor.scrollLeft = 0;
  }

  fit() { this.editor.rows = Math.max(1, this.editor.value.split("\n").length); }

  key(event) {
    const leaving = this.leaving;
    this.leaving = event.key === "Escape" || (leaving && event.key === "Shift"); // then the next Tab moves on
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      this.run();
    } else if (event.key === "Tab" && !leaving && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      this.indent(event.shiftKey);
    } else if (event.key === "Enter" && !event.altKey && !event.isComposing) {
      event.preventDefault();
      const before = this.editor.value.slice(0, this.editor.selectionStart).split("\n").at(-1);
      this.type(`\n${before.match(/^ */)[0]}${/:\s*(#.*)?$/.test(before) ? "    " : ""}`);
    }
  }

  /** Type text as a hand would, so that the browser's own undo takes it back. */
  type(text) {
    if (!document.execCommand(text ? "insertText" : "delete", false, text)) {
      this.editor.setRangeText(text, this.editor.selectionStart, this.editor.selectionEnd, "end");
      this.fit();
    }
  }

  /** Move all lines of the selection by four columns; with nothing selected, Tab goes to the next fourth column. */
  indent(back) {
    const { selectionStart: start, selectionEnd: end, value } = this.editor;
    const first = value.lastIndexOf("\n", start - 1) + 1;
    if (!back && start === end) return this.type(" ".repeat(4 - ((start - first) % 4)));
    const lines = value.slice(first, end).split("\n");
    const moved = lines.map((line) => (back ? line.replace(/^ {1,4}/, "") : line && `    ${line}`)).join("\n");
    const behind = value.length - end;
    this.editor.setSelectionRange(first, end);
    if (moved !== lines.join("\n")) this.type(moved);
    const last = this.editor.value.length - behind;
    return this.editor.setSelectionRange(start === end ? last : first, last);
  }

  /** Back to what the author wrote and the page showed. */
  reset() {
    if (this.wanted) page.stop();
    this.editor?.remove();
    this.editor = null;
    if (this.shownCode) this.shownCode.hidden = false;
    this.output?.remove();
    this.output = null;
    const published = this.published?.querySelector(":scope > .cell_output");
    if (published) this.published.replaceWith(published);
    this.published = null;
    this.say("As the author wrote it.");
    this.show();
    this.buttons.run.focus();
  }
}

function bring() {
  const boxes = [...document.querySelectorAll("div.cell:is(.tag_live, .tag_live-setup)")];
  const live = boxes.filter((box) => box.classList.contains("tag_live"));
  page.cells = boxes.map((box, i) => {
    const isLive = live.includes(box);
    const name = isLive ? `live cell ${live.indexOf(box) + 1} of ${live.length}` : `the page's cell ${i + 1}`;
    return isLive ? new Live(box, name) : new Setup(box, name);
  });
}

bring(); // the script is deferred: the page has been read
})();
