// A key term, pressed, is marked where it stands in the text.
import { say } from "./said.js";

const clear = (text) => {
  for (const mark of text.querySelectorAll("mark")) mark.replaceWith(mark.textContent);
  text.normalize();
};

// Any spelling: hyphens or blanks between the words, any ending of the last.
const pattern = (term) =>
  new RegExp(term.split(/\s+/).map((word) => word.replace(/[^\p{L}\p{N}]+/gu, "[-–\\s]?").replace(/y$/, "(?:y|ies)")).join("[-–\\s]+") + "(?:e?s)?", "giu");

const mark = (text, term) => {
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(".math")) nodes.push(walker.currentNode);
  let count = 0;
  for (const node of nodes) {
    const parts = [];
    let at = 0;
    for (const found of node.data.matchAll(pattern(term))) {
      const marked = document.createElement("mark");
      marked.textContent = found[0];
      parts.push(node.data.slice(at, found.index), marked);
      at = found.index + found[0].length;
      count++;
    }
    if (parts.length) node.replaceWith(...parts, node.data.slice(at));
  }
  return count;
};

export const start = () => {
  const text = document.getElementById("abstract"), buttons = document.querySelectorAll("button.term");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      for (const other of buttons) other.setAttribute("aria-pressed", String(on && other === button));
      if (!text) return;
      clear(text);
      const count = on ? mark(text, button.textContent.trim()) : 0;
      say(on ? `${button.textContent.trim()}: ${count} times in the text.` : "No term is marked.");
    });
  }
};
