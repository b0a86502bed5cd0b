// The network: drawn by the server, moved here. Zoom by wheel, pinch, buttons; nodes by mouse, touch and keyboard.
import { drag, forceCollide, forceSimulation, forceX, forceY, select, zoom, zoomIdentity } from "./vendor/d3.js";
import { say } from "./said.js";

const REACH = 11;
const still = matchMedia("(prefers-reduced-motion: reduce)");

class Network {
  constructor(root) {
    this.root = root;
    this.svg = root.querySelector("svg");
    this.view = select(root.querySelector(".view"));
    this.tip = root.querySelector("div.tip");
    this.nodes = [...root.querySelectorAll(".node")].map((element) => {
      const [x, y] = element.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
      return { element, x, y, home: [x, y] };
    });
    this.lines = [...root.querySelectorAll(".edges line")].map((element) => ({
      element, from: this.nodes[element.dataset.from], to: this.nodes[element.dataset.to],
    }));
    this.zoom = zoom().scaleExtent([0.4, 8]).on("zoom", ({ transform }) => this.view.attr("transform", transform));
    select(this.svg).call(this.zoom).on("dblclick.zoom", null);
    // Neighbours make room while one is dragged, and are drawn back to where the server put them.
    this.forces = forceSimulation(this.nodes).stop().alphaMin(0.02)
      .force("x", forceX((n) => n.home[0]).strength(0.3)).force("y", forceY((n) => n.home[1]).strength(0.3))
      .force("apart", forceCollide(12)).on("tick", () => this.place());
    this.#listen();
  }

  place() {
    for (const { element, x, y } of this.nodes) element.setAttribute("transform", `translate(${x} ${y})`);
    for (const { element, from, to } of this.lines) {
      const length = Math.max(Math.hypot(from.x - to.x, from.y - to.y), 1), back = REACH / length;
      for (const [name, value] of [["x1", from.x], ["y1", from.y],
        ["x2", to.x + (from.x - to.x) * back], ["y2", to.y + (from.y - to.y) * back]]) element.setAttribute(name, value);
    }
  }

  #listen() {
    let moved = false;
    const dragging = drag()
      .subject((event, element) => this.#of(element))
      .container(() => this.view.node())
      .on("start", () => { moved = false; })
      .on("drag", (event) => {
        moved = true;
        const node = event.subject;
        [node.fx, node.fy] = [node.x, node.y] = [event.x, event.y];
        node.home = [event.x, event.y];
        if (still.matches) this.place(); else this.forces.alpha(0.3).restart();
      })
      .on("end", ({ subject }) => { subject.fx = subject.fy = null; });
    select(this.svg).selectAll(".node").datum(function () { return this; }).call(dragging);
    for (const { element } of this.nodes) {
      element.addEventListener("click", (event) => { if (moved) event.preventDefault(); moved = false; });
      element.addEventListener("pointerenter", () => this.#point(element));
      element.addEventListener("pointerleave", () => this.#point(null));
      element.addEventListener("focus", () => this.#point(element));
      element.addEventListener("blur", () => this.#point(null));
      element.addEventListener("keydown", (event) => this.#key(event, element));
    }
    for (const button of this.root.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => this.#zoomBy(button.dataset.zoom));
    }
    for (const box of document.querySelectorAll("input[name=kind]")) box.addEventListener("change", () => this.#filter());
  }

  #of(element) { return this.nodes.find((node) => node.element === element); }

  #point(element) {
    document.querySelectorAll(".lit").forEach((lit) => lit.classList.remove("lit"));
    this.tip.hidden = !element;
    if (!element) return;
    this.tip.textContent = element.querySelector("title").textContent;
    const here = element.getBoundingClientRect(), frame = this.root.getBoundingClientRect();
    const left = Math.min(Math.max(here.left - frame.left + 18, 8), frame.width - this.tip.offsetWidth - 8);
    this.tip.style.left = `${Math.max(8, left)}px`;
    this.tip.style.top = `${Math.max(8, here.bottom - frame.top + 6)}px`;
    const slug = element.getAttribute("href").split("/").pop();
    document.querySelector(`tr[data-slug="${CSS.escape(slug)}"]`)?.classList.add("lit");
  }

  #zoomBy(how) {
    const svg = select(this.svg);
    if (how === "fit") {
      for (const node of this.nodes) [node.x, node.y] = node.home;
      svg.call(this.zoom.transform, zoomIdentity);
    } else svg.call(this.zoom.scaleBy, how === "in" ? 1.4 : 1 / 1.4);
  }

  // Arrows go to the nearest paper in that direction, judged by distance and by how far it is off to the side.
  #key(event, element) {
    const here = this.#of(element), ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in ways && this.moving) {
      const [x, y] = ways[event.key];
      [here.x, here.y] = here.home = [here.x + 8 * x, here.y + 8 * y];
      this.place();
    } else if (event.key in ways && event.shiftKey) {
      const [x, y] = ways[event.key];
      select(this.svg).call(this.zoom.translateBy, -40 * x, -40 * y);
    } else if (event.key in ways) {
      const [x, y] = ways[event.key];
      let best, least = Infinity;
      for (const node of this.nodes) {
        const a = node.x - here.x, b = node.y - here.y, along = a * x + b * y, aside = Math.abs(a * y) + Math.abs(b * x);
        if (node !== here && along > 1 && along + 2.5 * aside < least && node.element.checkVisibility()) {
          [best, least] = [node, along + 2.5 * aside];
        }
      }
      if (best) this.#focus(best.element, element);
    } else if (event.key === "Home") this.#focus(this.nodes[0].element, element);
    else if ("+-0".includes(event.key)) this.#zoomBy({ "+": "in", "-": "out", 0: "fit" }[event.key]);
    else if (event.key === "m") {
      this.moving = !this.moving;
      say(this.moving ? "Arrows move this paper; m ends it." : "Arrows go from paper to paper.");
    } else if (event.key === "Escape") { this.moving = false; this.#point(null); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #focus(next, before) {
    this.moving = false;
    before.setAttribute("tabindex", "-1");
    next.removeAttribute("tabindex");
    next.focus();
  }

  // What is hidden is the style sheet's affair, so that it works without scripts too.
  #filter() {
    const shown = this.nodes.filter(({ element }) => element.checkVisibility());
    say(`${shown.length} of ${this.nodes.length} papers are shown.`);
  }
}

export const start = () => {
  const root = document.getElementById("graph");
  if (root) new Network(root);
};
