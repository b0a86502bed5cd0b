// A look at a paper beside the page: nothing moves, Esc closes it, and the focus goes back to where it was.
import { start as tex } from "./tex.js";

const made = (tag, text, ...children) => {
  const element = document.createElement(tag);
  element.textContent = text;
  element.append(...children);
  return element;
};

const link = (text, address) => {
  const element = made("a", text);
  element.href = address;
  if (/^https:/.test(address)) element.rel = "noopener noreferrer";
  return element;
};

const here = () => location.pathname.split("/").pop();
const slugOf = (element) =>
  element?.closest("[data-slug]")?.dataset.slug ?? element?.closest(".node")?.getAttribute("href").split("/").pop();

let panel, from, asked;

const close = () => {
  if (!panel?.open) return;
  panel.close();
  from?.focus();
};

const links = (paper) => {
  const all = [link("Open", `/p/${paper.slug}`)];
  if (paper.slug !== here()) {
    all.push(link("Compare", `/compare?a=${here()}&b=${paper.slug}`), link("Write a note", `/p/${here()}?anchor=node:${paper.slug}#write`));
  }
  if (paper.ids.arxiv) all.push(link("arXiv", `https://arxiv.org/abs/${encodeURIComponent(paper.ids.arxiv)}`));
  return all.flatMap((one) => [one, " "]);
};

const relation = (paper) => {
  if (paper.references.includes(here())) return "cites this paper";
  return paper.citations.includes(here()) ? "cited by this paper" : "";
};

const fill = (paper) => {
  const title = made("h2", paper.title);
  title.className = "tex";
  title.tabIndex = -1;
  title.id = "peek-title";
  const facts = [paper.authors.join(" · ") || "authors unknown", paper.year ?? "year unknown", relation(paper)];
  const by = made("p", facts.filter(Boolean).join(" · "));
  by.className = "by";
  const lines = made("p", paper.own_summary ?? paper.in_short ?? "No text is stored of it.");
  lines.className = "tex lines";
  const terms = made("p", paper.key_terms.slice(0, 6).map((term) => term.text).join(" · "));
  terms.className = "terms";
  const button = made("button", "Close");
  button.addEventListener("click", close);
  panel.replaceChildren(title, by, lines, terms, made("p", "", ...links(paper)), button);
  tex(panel);
  panel.show();
  title.focus();
};

const peek = async (slug, element) => {
  if (!panel) {
    panel = document.createElement("dialog");
    panel.className = "peek";
    panel.setAttribute("aria-labelledby", "peek-title");
    document.body.append(panel);
  }
  if (!panel.contains(element)) from = element;
  const mine = asked = slug;
  const answer = await fetch(`/p/${encodeURIComponent(slug)}.json`);
  if (answer.ok && mine === asked) fill(await answer.json());
};

export const start = () => {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-peek]"), node = event.target.closest(".node");
    const slug = button ? button.dataset.peek : event.shiftKey && node ? slugOf(node) : null;
    if (!slug || event.defaultPrevented) return;
    event.preventDefault();
    const menu = button?.closest("details");
    if (menu) menu.open = false;
    peek(slug, menu ? menu.querySelector("summary") : node);
  });
  document.addEventListener("peek", (event) => {
    const element = document.activeElement, slug = slugOf(element);
    if (!slug) return;
    event.preventDefault();
    peek(slug, element);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
};
