(() => {
  const table = document.getElementById("tests");
  if (!table) return;
  sortable(table, { name: (row) => row.dataset.name, change: (row) => -Math.abs(row.dataset.change) });
  findable(table, document.getElementById("find"), document.getElementById("found"));
})();
