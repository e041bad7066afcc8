"use strict";
// The page is complete without this: it only adds the filter and makes headings sort.
(() => {
  const plain = (text) => text.toLowerCase().replaceAll("đ", "d").normalize("NFD").replace(/\p{M}/gu, "");
  const rows = [...document.querySelectorAll("tbody tr")];
  const query = document.getElementById("query");
  const wanted = document.getElementById("wanted");
  const count = document.getElementById("count");

  const filter = () => {
    const words = plain(query.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = words.every((word) => row.dataset.search.includes(word))
        && (!wanted.value || row.dataset.states.split(" ").includes(wanted.value));
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} / ${rows.length} ${count.dataset.word}`;
  };

  const sort = (heading) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    const table = heading.closest("table");
    const place = heading.cellIndex;
    for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[place].dataset.sort ?? row.cells[place].textContent.trim();
    const order = (one, other) => key(one).localeCompare(key(other), "vi", { numeric: true });
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort((one, other) => (down ? order(other, one) : order(one, other))));
  };

  for (const button of document.querySelectorAll("button.sort"))
    button.addEventListener("click", () => sort(button.closest("th")));
  query.addEventListener("input", filter);
  wanted.addEventListener("change", filter);
  document.getElementById("filter").hidden = false;
  filter();
})();
