// Sliders say their value; related papers follow them without a new page.
import { say } from "./said.js";

const made = (name, className, text) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.textContent = text;
  return element;
};

const shared = ([references, citers]) =>
  (references ? `; ${references} ${references === 1 ? "reference" : "references"} in common` : "") +
  (citers ? `; ${citers} ${citers === 1 ? "paper cites" : "papers cite"} both` : "");

// In hundredths that add up to the score in hundredths, as the server does it.
const why = ({ reasons, score }) => {
  const cents = reasons.map((reason) => Math.round(100 * reason.score));
  if (cents.length) cents[cents.length - 1] += Math.round(100 * score) - cents.reduce((a, b) => a + b, 0);
  return reasons.map((reason, place) => `${reason.name} ${(cents[place] / 100).toFixed(2)}`).join(" + ");
};

const row = (paper) => {
  const link = made("a", "", paper.title);
  link.href = `/p/${encodeURIComponent(paper.slug)}`;
  const item = document.createElement("li");
  item.append(link, " ", made("span", "soft", paper.year ?? "year unknown"), " ",
    made("span", "score", paper.score.toFixed(2)), " ", made("span", "why", why(paper) + shared(paper.shared)));
  return item;
};

const follow = (form) => {
  const list = document.getElementById("near");
  let latest = 0;
  const show = async () => {
    const mine = ++latest;
    const query = new URLSearchParams(new FormData(form));
    const answer = await fetch(`${form.dataset.related}?${query}`);
    if (!answer.ok || mine !== latest) return;
    const found = await answer.json();
    if (mine !== latest || !found.computed) return;
    list.replaceChildren(...found.papers.map(row));
    document.getElementById("rank").textContent = found.rank;
    history.replaceState(null, "", `?${query}#related`);
    say(`Rank ${found.rank}: ${found.papers.length} related papers, first ${found.papers[0]?.title ?? "none"}.`);
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => { event.preventDefault(); show(); });
};

export const start = () => {
  for (const output of document.querySelectorAll("form.tune output")) {
    const slider = document.getElementById(output.htmlFor.value);
    slider.addEventListener("input", () => { output.value = slider.value; });
  }
  const form = document.querySelector("form[data-related]");
  if (form) follow(form);
};
