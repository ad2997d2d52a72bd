// The lecture map's filter: the names of the lectures become boxes to tick, and a field searches the rows' text.
// Without this script the page shows every row, and the names are the table's legend.
addEventListener("DOMContentLoaded", () => {
  for (const map of document.querySelectorAll(".rk-lecture-map")) filterRows(map);
});

function filterRows(map) {
  const rows = [...map.querySelectorAll("tbody tr")];
  const legend = map.querySelector("ul");
  const form = document.createElement("form");
  form.className = "rk-filter";
  form.innerHTML =
    '<fieldset><legend>Lectures</legend></fieldset>' +
    '<label>Search <input type="search" autocomplete="off"></label> <output aria-live="polite"></output>';
  const [fieldset, search, output] = form.querySelectorAll("fieldset, input, output");

  for (const item of legend.children) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.value = [...item.classList].find((name) => name.startsWith("rk-lecture-"));
    const name = document.createElement("span");
    name.append(...item.firstElementChild.childNodes);
    label.append(box, name);
    fieldset.append(label);
  }
  legend.replaceWith(form);

  function show() {
    const letters = [...fieldset.querySelectorAll(":checked")].map((box) => box.value);
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits = letters.length === 0 || letters.some((letter) => row.classList.contains(letter));
      row.hidden = !(fits && words.every((word) => text.includes(word)));
      shown += !row.hidden;
    }
    output.value = shown ? `${shown} of ${rows.length} rows` : "No row fits: tick other lectures or search for less";
  }
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show(); // a browser that goes back may have kept what was ticked
}
