// The lab: settings in the address, curves as they come, theorems ticked with their numbers.
import { say } from "./said.js";
import { start as tex } from "./tex.js";
import { axisX, axisY, gridY, lineY, plot } from "./vendor/plot.js";

const form = document.getElementById("lab"), chart = document.getElementById("chart");
const button = form.querySelector(".run"), stop = form.querySelector(".stop"), status = form.querySelector(".status");
const token = document.querySelector("meta[name=lens-token]").content;
const DASHES = [null, "7 3", "2 3", "8 3 2 3", "1 4", "12 4"];
const COLOURS = ["#b03a2e", "#1f6f9c", "#6b8e23", "#7d5ba6", "#b7791f", "#5b564d"];

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
  if (event.kind === "begin") {
    made.begin = event;
    made.curves = event.curves.map((curve) => ({ ...curve, points: [] }));
    document.querySelector("#runs tbody").replaceChildren();
  } else if (event.kind === "points") {
    const { points } = made.curves[event.curve];
    event.steps.forEach((step, k) => points.push({ step, error: event.errors[k] }));
  } else if (event.kind === "end") {
    made.ends.push(event);
    const { start, seed } = made.curves[event.curve];
    row([start, seed, event.steps, event.error === null ? "not finite" : event.error.toPrecision(3), event.status]);
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

// Errors go down to 1e-30 and below: their logarithms are drawn, on a linear axis.
const draw = () => {
  due = performance.now() + 120;
  if (!made.begin) return;
  const starts = [...new Set(made.curves.map(({ start }) => start))];
  const logarithmic = document.getElementById("log-steps").checked;
  const shown = made.curves.filter(({ points }) => points.length).map(({ start, points, seed }) => ({
    at: starts.indexOf(start), label: start, seed,
    points: points.filter(({ step, error }) => error > 0 && (!logarithmic || step > 0)).map(({ step, error }) => ({ step, log: Math.log10(error) })),
  }));
  const last = Math.max(1, ...shown.flatMap(({ points }) => points.map(({ step }) => step)));
  const bounds = (made.proof?.parts ?? []).filter(({ line }) => line).map(({ theorem, line }) => ({
    theorem, points: line.filter(([step, error]) => step <= last && error > 0 && (!logarithmic || step > 0)).map(([step, error]) => ({ step, log: Math.log10(error) })),
  })).filter(({ points }) => points.length > 1);
  const logs = [...shown, ...bounds].flatMap(({ points }) => points.map(({ log }) => log));
  const low = Math.floor(Math.min(-1, ...logs)), high = Math.ceil(Math.max(0, ...logs.filter((log) => log < 6)));
  const power = (log) => `1e${log}`;
  const every = Math.max(1, Math.ceil((high - low) / 10));
  const ticks = [];
  for (let log = high; log >= low; log -= every) ticks.push(log);
  const picture = plot({
    width: Math.max(320, chart.clientWidth), height: 380, marginLeft: 56, marginBottom: 40, clip: true,
    x: { type: logarithmic ? "log" : "linear", domain: [logarithmic ? 1 : 0, last] }, y: { domain: [low, high] },
    marks: [
      gridY(ticks, { strokeOpacity: 0.15 }), axisY(ticks, { tickFormat: power, label: "‖XYᵀ − A‖² / ‖A‖²", labelAnchor: "top" }),
      axisX({ label: "step" }),
      ...shown.map(({ at, points, label, seed }) => lineY(points, {
        x: "step", y: "log", stroke: COLOURS[at], strokeWidth: 1.6, strokeDasharray: DASHES[at], clip: true, title: () => `${label}, seed ${seed}`,
      })),
      ...bounds.map(({ points }) => lineY(points, { x: "step", y: "log", stroke: "currentColor", strokeWidth: 1.5, strokeDasharray: "4 4", clip: true })),
    ],
  });
  const legend = element("p", "", ...starts.map((start, at) => {
    const item = element("span", start);
    item.className = "key";
    item.style.setProperty("--colour", COLOURS[at]);
    return item;
  }), ...bounds.map(({ theorem }) => { const item = element("span", `bound: ${theorem}`); item.className = "key bound"; return item; }));
  legend.className = "legend";
  chart.replaceChildren(legend, picture);
};

const save = (name, type, text) => {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
};

const csv = () => ["start,seed,step,relative_squared_error", ...made.curves.flatMap(({ start, seed, points }) =>
  points.map(({ step, error }) => `"${start}",${seed},${step},${error ?? ""}`))].join("\n");

form.addEventListener("submit", (event) => { event.preventDefault(); begin(); });
form.addEventListener("change", (event) => { if (event.target.matches("select, input[type=text], textarea")) soon(); });
stop.addEventListener("click", () => run?.abort());
document.getElementById("log-steps").addEventListener("change", draw);
document.getElementById("save-csv").addEventListener("click", () => save("lab.csv", "text/csv", csv()));
document.getElementById("save-json").addEventListener("click", () => save("lab.json", "application/json", JSON.stringify(made)));
addEventListener("resize", draw);

sliders();
tex();
const before = document.getElementById("made");
if (before) { JSON.parse(before.textContent).forEach(take); draw(); }
