// Python beside the page: a module worker that loads the Pyodide which lies under this book, and runs cells one by one.
// It can be ended at any moment (`terminate`), which is how Stop works: without cross-origin isolation, which static
// hosts do not give, nothing can interrupt a loop.
const DISTRIBUTION = new URL("../lite/static/pyodide/", import.meta.url);
const STEPS = ["Python", "NumPy and rnnkit", "what starts them"];

let python, runner;

const send = (type, more) => postMessage({ type, ...more });

/** Say how far loading has come; bytes are those that came over the network, so none where the browser kept them. */
function progress(step, what = STEPS[step - 1]) {
  const bytes = performance.getEntriesByType("resource").reduce((sum, entry) => sum + (entry.transferSize || 0), 0);
  send("loading", { step, steps: STEPS.length, what, bytes });
}

async function load(names, step, what) {
  await python.loadPackage(names, { messageCallback: () => progress(step, what), errorCallback: () => {} });
  const missing = names.filter((name) => !(name in python.loadedPackages));
  if (missing.length) throw new Error(`${missing.join(" and ")} could not be loaded`);
}

async function start({ runnerAddress }) {
  let step = 1;
  progress(step);
  const clock = setInterval(() => progress(step), 500);
  try {
    const { loadPyodide } = await import(new URL("pyodide.mjs", DISTRIBUTION));
    python = await loadPyodide({ indexURL: DISTRIBUTION.href });
    progress(step = 2);
    await load(["numpy", "rnnkit"], 2);
    progress(step = 3);
    const answer = await fetch(runnerAddress);
    if (!answer.ok) throw new Error(`${runnerAddress}: ${answer.status}`);
    python.FS.writeFile("live_runner.py", await answer.text());
    runner = python.pyimport("live_runner").Runner((kind, text) => send(kind, { text }));
    progress(step);
    send("ready");
  } finally {
    clearInterval(clock);
  }
}

async function run({ cell, code }) {
  await python.loadPackagesFromImports(code, {
    messageCallback: (message) => {
      const names = message.slice("Loading ".length).split(", ");
      if (message.startsWith("Loading ")) send("fetching", { what: names.length > 3 ? `${names.length} packages` : names.join(", ") });
    },
    errorCallback: () => {},
  });
  send("running");
  const wrong = runner.run(cell, code);
  send("done", { wrong: wrong ?? "" });
}

onmessage = async ({ data }) => {
  try {
    await (data.type === "start" ? start(data) : run(data));
  } catch (error) {
    send("broken", { text: String(error?.message ?? error).split("\n").at(-1) || String(error) });
  }
};
