// The list of tests, and opening one of them.

(() => {
  const overview = document.getElementById("overview"), detail = document.getElementById("detail");
  const table = document.getElementById("tests");
  if (!table) return;
  sortable(table, {
    name: (row) => row.dataset.name, outcome: (row) => Number(row.dataset.place),
    peak: (row) => -row.dataset.peak, change: (row) => -Math.abs(row.dataset.change), limit: (row) => -row.dataset.limit,
  });
  findable(table, document.getElementById("find"), document.getElementById("found"));

  let came = 0;
  function show() {
    const number = /^#test-(\d+)$/.exec(location.hash)?.[1];
    const source = number && document.getElementById(`data-${number}`);
    if (source && overview.hidden === false) came = scrollY;
    overview.hidden = Boolean(source);
    detail.hidden = !source;
    if (!source) { detail.replaceChildren(); scrollTo(0, came); return; }
    scrollTo(0, 0);
    new Detail(detail, JSON.parse(source.textContent), (event) => { event.preventDefault(); location.hash = "all"; });
  }
  addEventListener("hashchange", show);
  if (table.tBodies[0].rows.length === 1 && !location.hash) history.replaceState(null, "", "#test-0");
  show();
})();
