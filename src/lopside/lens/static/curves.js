// The lab's three pictures: errors, imbalance, singular values. Numbers go down to 1e-30 and below, so their logarithms are
// drawn, on a linear axis.
import { axisX, axisY, crosshairX, gridY, lineY, plot, ruleY, text } from "./vendor/plot.js";

const DASHES = [null, "7 3", "2 3", "8 3 2 3", "1 4", "12 4"];
const colour = (at) => `var(--curve-${at + 1})`;
const power = (log) => `1e${log}`;

const element = (name, words, kind = "") => {
  const made = document.createElement(name);
  made.textContent = words;
  made.className = kind;
  return made;
};

// Steps of all curves on one axis, logarithms on the other.
const picture = ({ lines, rules = [], last, logarithmic, label, width, height, name }) => {
  const logs = [...lines.flatMap(({ points }) => points.map(({ log }) => log)), ...rules];
  const low = Math.floor(Math.min(-1, ...logs)), high = Math.ceil(Math.max(0, ...logs.filter((log) => log < 6)));
  const every = Math.max(1, Math.ceil((high - low) / 10)), ticks = [];
  for (let log = high; log >= low; log -= every) ticks.push(log);
  const all = lines.filter(({ bound }) => !bound).flatMap(({ points, label: of }) => points.map((point) => ({ ...point, of })));
  return plot({
    width, height, marginLeft: 56, marginBottom: 40, marginRight: 24, clip: true, ariaLabel: name,
    x: { type: logarithmic ? "log" : "linear", domain: [logarithmic ? 1 : 0, last] }, y: { domain: [low, high] },
    marks: [
      gridY(ticks, { strokeOpacity: 0.15 }), axisY(ticks, { tickFormat: power, label, labelAnchor: "top" }), axisX({ label: "step", ticks: width / 90 }),
      ruleY(rules, { stroke: "currentColor", strokeOpacity: 0.5, strokeDasharray: "1 3" }),
      ...lines.map(({ at, points, bold, bound }) => lineY(points, {
        x: "step", y: "log", clip: true, stroke: bound ? "currentColor" : colour(at), strokeDasharray: bound ? "4 4" : DASHES[at],
        strokeWidth: bold ? 2.4 : 1, strokeOpacity: bold || bound ? 1 : 0.6,
      })),
      text(lines.filter(({ tag }) => tag).map(({ points, at, tag, bound }) => ({ ...points.at(-1), at, tag, bound })),
        { x: "step", y: "log", text: "tag", fill: ({ at, bound }) => bound ? "currentColor" : colour(at), dx: 10, fontWeight: 600, stroke: "var(--paper)", strokeWidth: 3 }),
      crosshairX(all, { x: "step", y: "log", color: "currentColor", textFill: "currentColor", textStroke: "var(--paper)" }),
    ],
  });
};

const logged = (steps, values, logarithmic) => steps.map((step, k) => ({ step, value: values[k] }))
  .filter(({ step, value }) => value > 0 && (!logarithmic || step > 0)).map(({ step, value }) => ({ step, log: Math.log10(value) }));

// Of the runs of a start, the one in the middle: first by steps, then by what is left.
const middle = (runs) => [...runs].sort((a, b) =>
  (a.steps.at(-1) - b.steps.at(-1)) || (Math.abs(a.errors.at(-1) ?? Infinity) - Math.abs(b.errors.at(-1) ?? Infinity)))[runs.length >> 1];

const legend = (starts, bounds) => {
  const made = element("p", "", "legend");
  starts.forEach((start, at) => {
    const key = element("span", `${at + 1} ${start}`, "key");
    key.style.setProperty("--colour", colour(at));
    key.style.setProperty("--dash", at === 0 ? "solid" : "dashed");
    made.append(key);
  });
  bounds.forEach(({ theorem, tag }) => made.append(element("span", `${tag} proved: ${theorem}`, "key bound")));
  return made;
};

export const draw = (made, { logarithmic, start }) => {
  const places = ["chart", "imbalance", "values"].map((id) => document.getElementById(id));
  if (!made.begin) return;
  const starts = [...new Set(made.curves.map(({ start: of }) => of))];
  const begun = made.curves.filter(({ steps }) => steps.length);
  const last = Math.max(1, ...begun.map(({ steps }) => steps.at(-1)));
  const bounds = (made.proof?.parts ?? []).filter(({ line }) => line).map(({ theorem, line }) => ({
    theorem, bound: true, at: 5, points: logged(...[0, 1].map((k) => line.filter(([step]) => step <= last).map((pair) => pair[k])), logarithmic),
  })).filter(({ points }) => points.length > 1).map((bound, k) => ({ ...bound, tag: "abcdef"[k] }));
  const medians = starts.map((of) => middle(begun.filter((curve) => curve.start === of)));
  const lines = begun.map((curve) => {
    const at = starts.indexOf(curve.start), bold = medians[at] === curve;
    return { at, bold, tag: bold && String(at + 1), label: curve.start, points: logged(curve.steps, curve.errors, logarithmic) };
  }).filter(({ points }) => points.length);
  const width = (place) => Math.max(280, place.clientWidth), common = { last, logarithmic };
  places[0].replaceChildren(legend(starts, bounds), picture({
    ...common, lines: [...lines, ...bounds], label: "‖XYᵀ − A‖² / ‖A‖²", width: width(places[0]), height: 380, name: "Relative squared error against steps",
  }));
  const looked = made.curves.filter(({ factors }) => factors);
  if (!looked.length) return;
  places[1].replaceChildren(picture({
    ...common, label: "‖XᵀX − YᵀY‖", width: width(places[1]), height: 260, name: "Imbalance of the factors against steps",
    lines: looked.map(({ start: of, factors }) => ({
      at: starts.indexOf(of), bold: true, tag: String(starts.indexOf(of) + 1), label: of, points: logged(factors.steps, factors.imbalance, logarithmic),
    })).filter(({ points }) => points.length),
  }));
  const one = looked.find(({ start: of }) => of === start) ?? looked[0], { steps, sigma } = one.factors;
  places[2].replaceChildren(picture({
    ...common, label: `singular values of XYᵀ, start ${starts.indexOf(one.start) + 1}`, width: width(places[2]), height: 260,
    name: "Singular values of XYᵀ against steps; dotted, those of A",
    rules: made.begin.sigma.filter((value) => value > 0).map(Math.log10),
    lines: sigma[0].map((_, k) => ({
      at: starts.indexOf(one.start), bold: k < made.begin.sigma.length, label: `σ${k + 1}`,
      points: logged(steps, sigma.map((row) => row[k]), logarithmic).filter(({ log }) => log > -17),
    })).filter(({ points }) => points.length),
  }));
};
