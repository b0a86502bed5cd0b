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
  rows.sort(([a], [b]) => compare(a, b) * (falling ? -1 : 1));
  body.append(...rows.map(([, row]) => row));
  say(`Sorted by ${heading.textContent.trim()}, ${falling ? "falling" : "rising"}.`);
};

export const start = () => {
  for (const table of document.querySelectorAll("table.sortable")) {
    for (const button of table.tHead.querySelectorAll("button")) {
      button.addEventListener("click", () => sort(table, button.closest("th")));
    }
  }
};
