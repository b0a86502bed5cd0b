// One key each, outside of fields; all of them can be switched off on the page about Lens.
const off = () => localStorage.getItem("lens-keys") === "off";
const field = (element) => element.closest("input, textarea, select, [contenteditable]");

const ways = { l: "/", m: "/map", b: "/lab", n: "/notes", a: "/about" };
let going = false;

const act = (key) => {
  if (going) { going = false; if (key in ways) location.assign(ways[key]); return true; }
  if (key === "g") { going = true; setTimeout(() => { going = false; }, 1500); return true; }
  if (key === "/") { document.getElementById("q").focus(); return true; }
  if (key === "n" && document.getElementById("body")) { document.getElementById("body").focus(); return true; }
  if (key === "o") { document.querySelector('a[href^="https://arxiv.org/abs/"]')?.click(); return true; }
  if (key === "j" || key === "k") {
    const links = [...document.querySelectorAll(".papers h2 a, tbody th a")];
    const at = links.indexOf(document.activeElement);
    links[Math.min(Math.max(at + (key === "j" ? 1 : -1), 0), links.length - 1)]?.focus();
    return links.length > 0;
  }
  return false;
};

export const start = () => {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && field(event.target)) { event.target.blur(); return; }
    if (off() || field(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (act(event.key)) event.preventDefault();
  });
  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    });
  }
};
