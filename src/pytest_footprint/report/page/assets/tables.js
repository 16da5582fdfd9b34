// Tables of tensors and of what changed.

const FEW = 15;

function tensorTable(caption, rows, columns, choose) {
  const body = element("tbody");
  const fill = (count) => body.replaceChildren(...rows.slice(0, count).map((row) => tensorRow(row, columns, choose)));
  fill(FEW);
  const head = element("tr", {}, ...columns.map(([name, , number]) => element("th", { scope: "col", class: number ? "number" : null }, name)));
  const table = element("div", { class: "wide" }, element("table", {}, element("caption", {}, caption), element("thead", {}, head), body));
  if (rows.length <= FEW) return table;
  const more = element("button", { type: "button", class: "button", onclick: () => { fill(rows.length); more.remove(); } },
    `Show ${(rows.length - FEW).toLocaleString("en")} more`);
  return element("div", {}, table, more);
}

function tensorRow(row, columns, choose) {
  return element("tr", {}, ...columns.map(([, cell, number, name]) => {
    const made = cell(row, choose);
    return element("td", { class: number ? "number" : name ? "name" : null }, ...(Array.isArray(made) ? made : [made]));
  }));
}

function moduleCell(row, choose) {
  if (!row.fqn) return "";
  if (!choose || row.fqn.includes("{")) return row.fqn;
  return element("a", { href: "#", title: "show only this module", onclick: (event) => { event.preventDefault(); choose(row.fqn); } }, row.fqn);
}

const typeCell = (row) => [swatch(row.type), kindText(row.type)];
const specCell = (row) => element("code", {}, `${Math.abs(row.count) > 1 ? `${Math.abs(row.count)} × ` : ""}${row.spec}${row.was ? ` (was ${row.was})` : ""}`);
const codeCell = (key) => (row) => row[key] ? element("code", {}, row[key]) : "";

const ALIVE = [
  ["bytes", (row) => bytesText(row.bytes), true],
  ["type", typeCell], ["module", moduleCell, false, true], ["tensors", specCell],
  ["operator", codeCell("op")], ["made at", codeCell("source")],
];
const SAVED = ALIVE.filter(([name]) => name !== "type");
const CULPRITS = [
  ["difference", (row) => signedText(row.bytes), true], ["signal", (row) => row.signal], ...ALIVE.slice(1),
];
const CHANGES = [
  ["changed", (row) => row.signal], ["what", (row) => row.what, false, true],
  ["baseline", (row) => bytesText(row.before), true], ["now", (row) => bytesText(row.after), true],
  ["difference", (row) => row.difference, true], ["%", (row) => row.percent, true],
];
