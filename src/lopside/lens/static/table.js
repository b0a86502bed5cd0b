// Tables sorted by their headings; rows light up with what they name elsewhere.
import { say } from "./said.js";

const compare = (a, b) => {
  const x = Number(a), y = Number(b);
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return Number.isNaN(x) === Number.isNaN(y) ? a.localeCompare(b) : Number.isNaN(x) ? 1 : -1;
};

const sort = (table, heading) => {
  const column = heading.cellIndex, body = table.tBodies[0];
  const falling = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const rows = [...body.rows].map((row) => [row.cells[column].textContent.trim(), row]);
  rows.sort(([a], [b]) => (a === "unknown") - (b === "unknown") || compare(a, b) * (falling ? -1 : 1));
  body.append(...rows.map(([, row]) => row));
  say(`Sorted by ${heading.textContent.trim()}, ${falling ? "falling" : "rising"}.`);
};

// As on the server: every word must be the beginning of one in the row.
const words = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);

const choose = (form, table) => {
  const wanted = words(form.elements.words.value), relation = form.elements.relation.value, year = form.elements.year.value;
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const has = words([...row.cells].slice(0, 4).map(({ textContent }) => textContent).join(" "));
    row.hidden = (relation && row.cells[3].textContent.trim() !== relation)
      || (year && row.cells[2].textContent.trim() !== year)
      || !wanted.every((word) => has.some((other) => other.startsWith(word)));
  }
  const said = `${rows.filter(({ hidden }) => !hidden).length} of ${form.dataset.all}`;
  form.querySelector("output").textContent = said;
  say(`${said} papers are in the table.`);
};

export const start = () => {
  for (const table of document.querySelectorAll("table.sortable")) {
    for (const link of table.tHead.querySelectorAll("a.sort")) {
      link.addEventListener("click", (event) => { event.preventDefault(); sort(table, link.closest("th")); });
    }
  }
  const form = document.querySelector("form.choose");
  // A table that the server has cut down is not whole here, so it goes on doing so.
  if (!form || form.elements.words.defaultValue || form.elements.relation.value || form.elements.year.value) return;
  form.addEventListener("input", () => choose(form, document.querySelector("table.sortable")));
  form.addEventListener("submit", (event) => event.preventDefault());
};
