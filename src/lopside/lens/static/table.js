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

// Rows in which all of the words stand, anywhere.
const filter = (box, table) => {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean), rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  document.getElementById("shown").textContent = `${shown} of ${rows.length}`;
  say(`${shown} of ${rows.length} papers are shown.`);
};

export const start = () => {
  const box = document.getElementById("filter"), citations = document.querySelector("table.citations");
  if (box && citations) {
    box.parentElement.hidden = false;
    box.addEventListener("input", () => filter(box, citations));
  }
  for (const table of document.querySelectorAll("table.sortable")) {
    for (const button of table.tHead.querySelectorAll("button")) {
      button.addEventListener("click", () => sort(table, button.closest("th")));
    }
  }
};
