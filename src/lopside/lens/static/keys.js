// One key each, outside of fields. All that there are stand in the list below, which is also the help.
import { say } from "./said.js";

const on = () => localStorage.getItem("lens-keys") !== "off";
const field = (element) => element.closest("input:not([type=checkbox], [type=range]), textarea, select, [contenteditable]");
const by = (selector) => document.querySelector(selector);
const links = () => [...document.querySelectorAll(".papers :is(h2, h3) a, .citations tbody tr:not([hidden]) th a")];
const row = () => document.activeElement.closest("[data-slug]");

const focus = (element) => {
  if (!element) return false;
  for (let around = element.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
  element.focus();
  return true;
};
const go = (address) => { location.assign(address); return true; };
const click = (element) => { element?.click(); return Boolean(element); };

const along = (by) => {
  const all = links(), at = all.indexOf(row()?.querySelector(":is(h2, h3, th) a"));
  return focus(all[Math.min(Math.max(at + by, 0), all.length - 1)]);
};

const tick = (row, to) => {
  const box = row?.querySelector("input[name=p]");
  if (!box) return false;
  box.checked = to ?? !box.checked;
  say(`${document.querySelectorAll("input[name=p]:checked").length} chosen.`);
  return true;
};

const compare = () => {
  const form = by("form#pick");
  if (!form) return false;
  tick(row(), true);
  if (new FormData(form).getAll("p").length > 1) form.requestSubmit(form.querySelector("button:not([formaction], [type=button])"));
  else say("One is chosen. Choose another one.");
  return true;
};

const reading = () => {
  const states = [...document.querySelectorAll("form.states button")];
  const now = states.findIndex((state) => state.getAttribute("aria-pressed") === "true");
  return click(states[(now + 1) % states.length]);
};

// The list one came from is remembered as long as the window is.
const beside = (by) => {
  const list = JSON.parse(sessionStorage.getItem("lens-list") ?? "[]");
  const at = list.indexOf(decodeURIComponent(location.pathname).replace("/p/", ""));
  const next = at < 0 ? undefined : list[at + by];
  if (next === undefined) say("There is no further paper in the list you came from.");
  return next !== undefined && go(`/p/${encodeURIComponent(next)}`);
};

const KEYS = [
  ["/", "search", () => focus(by("#q"))],
  ["?", "these keys", () => { help(); return true; }],
  ["g l", "library", () => go("/")],
  ["g m", "map", () => go("/map")],
  ["g i", "import", () => go("/import")],
  ["g b", "lab", () => go("/lab")],
  ["g n", "notes", () => go("/notes")],
  ["j", "next paper in a list", () => along(1)],
  ["k", "the one before", () => along(-1)],
  ["x", "choose it", () => tick(row())],
  ["c", "compare the chosen", compare],
  ["d", "peek at it", () => document.dispatchEvent(new CustomEvent("peek", { cancelable: true })) === false],
  ["o", "open at arXiv", () => click((row() ?? document).querySelector('a[href^="https://arxiv.org/abs/"]'))],
  ["n", "write a note", () => focus(by("#body"))],
  ["t", "tag", () => focus(by("#tag"))],
  ["r", "new, reading, read", reading],
  ["[", "previous paper of the list", () => beside(-1)],
  ["]", "next paper of the list", () => beside(1)],
];
const OTHERS = [["Enter", "open"], ["Esc", "close, or leave a field"]];

const made = (tag, text, ...children) => {
  const element = document.createElement(tag);
  element.textContent = text;
  element.append(...children);
  return element;
};

const setting = () => {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = on();
  box.addEventListener("change", () => {
    localStorage.setItem("lens-keys", box.checked ? "on" : "off");
    for (const other of document.querySelectorAll(".keys-switch input")) other.checked = box.checked;
  });
  const label = made("label", "", box, " Single letters are keys");
  label.className = "keys-switch";
  return label;
};

const help = () => {
  let dialog = by("dialog.keys");
  if (!dialog) {
    const list = made("dl", "", ...[...KEYS, ...OTHERS].map(([key, said]) => {
      const marks = key.split(" ").map((letter) => made("kbd", letter));
      return made("div", "", made("dt", "", ...marks), made("dd", said));
    }));
    const close = made("button", "Close");
    close.addEventListener("click", () => dialog.close());
    dialog = made("dialog", "", made("h2", "Keys"), list, made("p", "", setting()), close);
    dialog.className = "keys";
    dialog.setAttribute("aria-label", "Keys");
    document.body.append(dialog);
  }
  if (!dialog.open) dialog.showModal();
};

let before = "", until;
const act = (key) => {
  const found = KEYS.find(([name]) => name === (before ? `${before} ${key}` : key));
  clearTimeout(until);
  before = "";
  if (found) return found[2]();
  if (!KEYS.some(([name]) => name.startsWith(`${key} `))) return false;
  before = key;
  until = setTimeout(() => { before = ""; }, 1500);
  return true;
};

let started = false;
export const start = () => {
  if (started) return;
  started = true;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && field(event.target)) { event.target.blur(); return; }
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || field(event.target)) return;
    if (by("dialog[open]:modal") || !(on() || event.key === "?")) return;
    if (act(event.key)) event.preventDefault();
  });
  const list = [...document.querySelectorAll(".papers [data-slug]")].map((element) => element.dataset.slug);
  if (list.length) sessionStorage.setItem("lens-list", JSON.stringify(list));
  for (const place of document.querySelectorAll(".keys-setting")) {
    const button = made("button", "All keys");
    button.addEventListener("click", help);
    place.after(made("p", "", setting(), " ", button));
  }
  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    });
  }
};
