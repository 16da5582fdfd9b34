// A list of tests: sorting by a column, and finding by name.

function sortable(table, value) {
  const body = table.tBodies[0], rows = [...body.rows];
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th[data-sort]");
    if (!head) return;
    const by = value[head.dataset.sort];
    const turned = head.getAttribute("aria-sort") !== null && head.dataset.turned !== "yes";
    for (const each of table.tHead.rows[0].cells) { each.removeAttribute("aria-sort"); delete each.dataset.turned; }
    const up = ["name", "outcome"].includes(head.dataset.sort) !== turned;
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    if (turned) head.dataset.turned = "yes";
    rows.sort((one, other) => {
      const [a, b] = [by(one), by(other)];
      return (a < b ? -1 : a > b ? 1 : 0) * (turned ? -1 : 1) || one.dataset.place - other.dataset.place;
    });
    body.append(...rows);
  });
}

function findable(table, find, found) {
  const rows = [...table.tBodies[0].rows];
  find.addEventListener("input", () => {
    const part = find.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.dataset.name.toLowerCase().includes(part);
    const count = rows.filter((row) => !row.hidden).length;
    found.textContent = part ? `${count} of ${rows.length} shown` : "";
  });
}
