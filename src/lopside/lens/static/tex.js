// Formulas: KaTeX builds nodes, never markup; what it cannot or should not read stays as it was written.
import katex from "./vendor/katex.js";

const LONGEST = 4000, DEEPEST = 200;
const OPTIONS = { trust: false, maxExpand: 200, maxSize: 20, strict: "ignore", throwOnError: true, output: "htmlAndMathml" };

const tooDeep = (tex) => {
  let depth = 0, most = 0;
  for (const c of tex) { if (c === "{") most = Math.max(most, ++depth); else if (c === "}") depth--; }
  return most > DEEPEST;
};

// Whoever has no mouse scrolls a formula that is too wide by the arrows, once it has the focus.
const reachable = (elements) => {
  for (const element of elements) {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
};
const wide = new ResizeObserver((entries) => reachable(entries.map(({ target }) => target)));
document.fonts.addEventListener("loadingdone", () => reachable(document.querySelectorAll(".math.display.done")));

export const show = (element) => {
  const tex = element.dataset.tex;
  if (tex === undefined || element.classList.contains("done") || tex.length > LONGEST || tooDeep(tex)) return;
  const source = element.textContent;
  try {
    katex.render(tex, element, { ...OPTIONS, displayMode: element.classList.contains("display") });
    element.classList.add("done");
    element.title = source;
    if (element.classList.contains("display")) wide.observe(element);
  } catch {
    element.textContent = source;
  }
};

// Formulas in prose, as in a title: the same rules as on the server, without the rarer delimiters.
const INLINE = /\$([^\s$](?:[^$]*[^\s$])?)\$(?!\d)|\\\(([^]*?)\\\)/g;

const inProse = (element) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(".math")) texts.push(walker.currentNode);
  for (const node of texts) {
    const text = node.data, parts = [];
    let at = 0;
    for (const found of text.matchAll(INLINE)) {
      const math = document.createElement("span");
      math.className = "math inline";
      math.dataset.tex = found[1] ?? found[2];
      math.textContent = found[0];
      parts.push(text.slice(at, found.index), math);
      at = found.index + found[0].length;
    }
    if (parts.length) { node.replaceWith(...parts, text.slice(at)); }
  }
};

// What is far below is rendered when it comes near.
export const start = (root = document) => {
  for (const element of root.querySelectorAll(".tex")) inProse(element);
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) { near.unobserve(target); show(target); }
  }, { rootMargin: "600px" });
  const all = root.querySelectorAll(".math");
  for (const element of all) near.observe(element);
  addEventListener("beforeprint", () => all.forEach(show));
};
