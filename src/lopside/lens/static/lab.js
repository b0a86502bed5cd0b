// The lab: settings in the address, curves as they come, theorems ticked with their numbers.
import { draw as curves } from "./curves.js";
import { say } from "./said.js";
import { start as tex } from "./tex.js";
const form = document.getElementById("lab"), chart = document.getElementById("chart");
const button = form.querySelector(".run"), stop = form.querySelector(".stop"), status = form.querySelector(".status");
const token = document.querySelector("meta[name=lens-token]").content;
let run, made = { begin: null, curves: [], ends: [], proof: null, said: "" };
let due = 0;

// Sliders and numbers say the same; where factors matter, the slider moves by factors.
const sliders = () => {
  for (const slider of form.querySelectorAll("input[type=range]")) {
    const number = document.getElementById(slider.dataset.for), { low, high } = slider.dataset;
    const [a, b] = "logarithmic" in slider.dataset ? [Math.log(Math.max(low, 1e-12)), Math.log(high)] : [+low, +high];
    const value = (x) => { const v = a + (b - a) * x / 1000; return "logarithmic" in slider.dataset ? Math.exp(v) : v; };
    const place = (v) => 1000 * (("logarithmic" in slider.dataset ? Math.log(Math.max(v, 1e-12)) : v) - a) / (b - a);
    slider.value = place(+number.value);
    slider.addEventListener("input", () => {
      const v = value(+slider.value);
      number.value = "whole" in slider.dataset ? Math.round(v) : Number(v.toPrecision(3));
      soon();
    });
    number.addEventListener("change", () => { slider.value = place(+number.value); soon(); });
  }
};

const query = () => {
  const asked = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (name !== "token" && name !== "start") asked.append(name, value);
  for (const line of document.getElementById("starts").value.split("\n")) if (line.trim()) asked.append("start", line.trim());
  return asked;
};

let waiting;
const soon = () => { clearTimeout(waiting); waiting = setTimeout(begin, 250); };

const begin = async () => {
  clearTimeout(waiting);
  run?.abort();
  const mine = run = new AbortController(), asked = query();
  history.replaceState(null, "", `?${asked}`);
  document.getElementById("address").href = `?${asked}`;
  const note = document.getElementById("note-run");
  note.href = `${note.pathname}?anchor=${encodeURIComponent(`run:${form.dataset.recipe}?${asked}`)}#write`;
  [button.disabled, stop.disabled, status.textContent] = [true, false, "running"];
  made = { begin: null, curves: [], ends: [], proof: null, said: "" };
  try {
    const answer = await fetch(form.action, {
      method: "POST", signal: mine.signal, headers: { "x-lens-token": token, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams([...asked, ["stream", "1"]]),
    });
    if (!answer.ok) throw new Error(answer.status === 403 ? "The page is older than the server: reload it." : `The server said ${answer.status}.`);
    const lines = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let kept = "", piece; !(piece = await lines.read()).done;) {
      const parts = (kept + piece.value).split("\n");
      kept = parts.pop();
      parts.forEach((part) => take(JSON.parse(part)));
      if (performance.now() > due) draw();
    }
    status.textContent = "";
  } catch (error) {
    if (mine === run) status.textContent = error.name === "AbortError" ? "stopped" : error.message;
  }
  if (mine !== run) return;
  [button.disabled, stop.disabled] = [false, true];
  draw();
  if (made.said) say(made.said);
};

const take = (event) => {
  if (event.kind === "settings") {
    document.getElementById("python").textContent = event.python;
    document.getElementById("commands").textContent = event.commands;
    document.getElementById("said-above").replaceChildren(...event.said.map((sentence) => {
      const made = element("p", sentence);
      made.className = "warn";
      return made;
    }));
  } else if (event.kind === "begin") {
    made.begin = event;
    made.curves = event.curves.map((curve) => ({ ...curve, steps: [], errors: [] }));
    const shown = document.getElementById("shown"), before = shown.value;
    shown.replaceChildren(...[...new Set(event.curves.map(({ start }) => start))].map((start) => element("option", start)));
    if ([...shown.options].some(({ value }) => value === before)) shown.value = before;
    document.querySelector("#runs tbody").replaceChildren();
  } else if (event.kind === "points") {
    const { steps, errors } = made.curves[event.curve];
    steps.push(...event.steps);
    errors.push(...event.errors);
  } else if (event.kind === "factors") {
    made.curves[event.curve].factors = event;
  } else if (event.kind === "end") {
    made.ends.push(event);
    const { start, seed } = made.curves[event.curve];
    row([start, seed, event.steps, event.shown, event.status]);
  } else if (event.kind === "proof") {
    made.proof = event;
    prove(event);
  } else if (event.kind === "done") {
    made.said = document.getElementById("summary").textContent = event.said;
  }
};

const element = (name, text, ...children) => {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
};

const row = ([first, ...rest]) => {
  const heading = element("th", first);
  heading.scope = "row";
  document.querySelector("#runs tbody").append(element("tr", "", heading, ...rest.map((text) => element("td", String(text)))));
};

const number = (x) => x === null ? "∞" : Number(x.toPrecision(4)).toString();

const prove = ({ parts }) => {
  document.getElementById("proof").replaceChildren(...parts.map((part) => {
    const title = element("h3", `${part.holds ? "✓" : "✗"} ${part.theorem} `, element("span", `[${part.source}]`));
    title.lastChild.className = "soft";
    const checks = part.checks.map(({ name, value, bound, holds }) =>
      element("li", `${holds ? "✓" : "✗"} ${name}: ${number(value)} ${holds ? "≤" : ">"} ${number(bound)}`));
    const made = element("div", "", title, element("ul", "", ...checks), element("p", part.conclusion));
    made.className = "part";
    return made;
  }));
};

const draw = () => {
  due = performance.now() + 120;
  const shown = document.getElementById("shown");
  curves(made, { logarithmic: document.getElementById("log-steps").checked, start: shown.value });
};

const save = (name, type, text) => {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
};

const csv = () => ["start,seed,step,relative_squared_error", ...made.curves.flatMap(({ start, seed, steps, errors }) =>
  steps.map((step, k) => `"${start}",${seed},${step},${errors[k] ?? ""}`))].join("\n");

form.addEventListener("submit", (event) => { event.preventDefault(); begin(); });
form.addEventListener("change", (event) => { if (event.target.matches("select, input[type=text], textarea")) soon(); });
stop.addEventListener("click", () => run?.abort());
document.getElementById("log-steps").addEventListener("change", draw);
document.getElementById("shown").addEventListener("change", draw);
document.getElementById("save-svg").addEventListener("click", () => {
  const picture = document.querySelector("#chart svg:last-child");
  if (picture) save("lab.svg", "image/svg+xml", new XMLSerializer().serializeToString(picture));
});
document.getElementById("save-csv").addEventListener("click", () => save("lab.csv", "text/csv", csv()));
document.getElementById("save-json").addEventListener("click", () => save("lab.json", "application/json", JSON.stringify(made)));
addEventListener("resize", draw);

sliders();
tex();
const before = document.getElementById("made");
if (before) { JSON.parse(before.textContent).forEach(take); draw(); }
