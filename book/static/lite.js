// What a learner has written in the browser's notebooks, seen from the exercise's page: when it was saved, and whether
// the exercise has been revised since. JupyterLite keeps notebooks in IndexedDB; the page, of the same origin, reads it.
(() => {
  const box = document.querySelector(".lite-box[data-notebook]");
  if (!box) return;
  if (location.protocol === "file:") {  // a browser starts no Python on a page opened as a file: no link to a blank page
    box.querySelector(".lite-open").remove();
    box.querySelector(".lite-actions + p").textContent = "This page was opened as a file, and a browser runs notebooks " +
      "only on pages from a server. Download the notebook and open it in JupyterLab; or, in the folder of this book, run " +
      "python -m http.server and open the address it names.";
    return;
  }
  if (!globalThis.indexedDB?.databases) return;
  const { notebook, edition, storage } = box.dataset;
  const asPromise = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

  // Run `work` on the store of files; undefined where nothing was ever saved (opening it would create it, empty).
  async function withFiles(mode, work) {
    const known = await indexedDB.databases();
    if (!known.some((one) => one.name === storage)) return undefined;
    const database = await asPromise(indexedDB.open(storage));
    try {
      if (!database.objectStoreNames.contains("files")) return undefined;
      const transaction = database.transaction("files", mode);
      const finished = new Promise((done, failed) => {
        transaction.oncomplete = done;
        transaction.onabort = transaction.onerror = () => failed(transaction.error);
      });
      const result = await work(transaction.objectStore("files"));
      await finished;
      return result;
    } finally {
      database.close();
    }
  }

  const isAnswer = (cell) => cell.metadata?.nbgrader?.solution === true;

  // The new version with the learner's answers in it. What they began stays beside it, under a name of its own.
  async function bringUpToDate(mine) {
    const answer = await fetch(new URL(`../lite/files/${notebook}`, location), { cache: "no-cache" });
    if (!answer.ok) throw new Error(`the new version could not be loaded (${answer.status})`);
    const fresh = await answer.json();
    const answers = new Map(mine.content.cells.filter(isAnswer).map((cell) => [cell.id, cell.source]));
    for (const cell of fresh.cells) if (isAnswer(cell) && answers.has(cell.id)) cell.source = answers.get(cell.id);
    const old = notebook.replace(/\.ipynb$/, `-before-${fresh.metadata.rnnkit.edition}.ipynb`);
    const now = new Date().toISOString();
    await withFiles("readwrite", async (files) => {
      files.put({ ...mine, name: old, path: old }, old);
      files.put({ ...mine, content: fresh, last_modified: now, size: JSON.stringify(fresh).length }, notebook);
    });
    return old;
  }

  function offerNewVersion(line, mine) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Bring it up to date";
    line.append(" The exercise has been revised since you began. ", button);
    button.onclick = async () => {
      button.disabled = true;
      try {
        const old = await bringUpToDate(mine);
        line.textContent = `Done: your answers are in the new version. What you had is kept as ${old}, under File → Open in the notebook.`;
      } catch (error) {
        line.textContent = `That did not work: ${error.message}. Nothing was changed.`;
      }
    };
  }

  async function show() {
    const mine = await withFiles("readonly", (files) => asPromise(files.get(notebook)));
    if (!mine?.content?.cells) return;
    const line = box.querySelector(".lite-yours");
    const when = new Date(mine.last_modified).toLocaleString(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
    line.textContent = `You have begun: last saved in this browser on ${when}.`;
    line.setAttribute("role", "status");
    line.hidden = false;
    box.querySelector(".lite-open").textContent = "Go on in the browser";
    if (mine.content.metadata?.rnnkit?.edition !== edition) offerNewVersion(line, mine);
  }

  show().catch(() => {}); // a browser that keeps nothing, such as a private window: the box stays as it is
  addEventListener("pageshow", (event) => event.persisted && location.reload()); // back from the notebook
})();
