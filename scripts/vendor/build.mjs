// Copies what the pages of Lens need from npm's packages into static/vendor, bundled and pinned: `make vendor`; and what
// their tests need beside those.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url)), modules = join(here, "node_modules");
const out = join(here, "../../src/lopside/lens/static/vendor");

const BUNDLES = {
  "katex.js": { from: 'export { default } from "katex/dist/katex.mjs";', parts: ["katex"] },
  "d3.js": {
    from: `export { drag } from "d3-drag"; export { forceCollide, forceSimulation, forceX, forceY } from "d3-force";
           export { select } from "d3-selection"; export { zoom, zoomIdentity } from "d3-zoom";`,
    parts: ["d3-drag", "d3-force", "d3-selection", "d3-zoom"],
  },
  "plot.js": { from: 'export * from "@observablehq/plot";', parts: ["@observablehq/plot"] },
};

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "fonts"), { recursive: true });
const lock = [];
for (const [name, { from, parts }] of Object.entries(BUNDLES)) {
  const inputs = buildSync({
    stdin: { contents: from, resolveDir: here }, bundle: true, minify: true, format: "esm", target: "es2022",
    outfile: join(out, name), legalComments: "none", metafile: true, logLevel: "warning",
  }).metafile.inputs;
  // Every package that went in is named, not only those that were asked for.
  const used = new Set([...parts, ...Object.keys(inputs).map(packageOf).filter(Boolean)]);
  for (const part of [...used].sort()) {
    const { version, license } = JSON.parse(readFileSync(join(modules, part, "package.json")));
    if (!lock.some((entry) => entry.name === part)) lock.push({ name: part, version, licence: license });
  }
}
writeFileSync(join(out, "katex.css"), readFileSync(join(modules, "katex/dist/katex.min.css"), "utf8")
  .replaceAll(/,url\([^)]*\.(?:woff|ttf)\) format\("[^"]*"\)/g, ""));
for (const font of readdirSync(join(modules, "katex/dist/fonts"))) {
  if (font.endsWith(".woff2")) cpSync(join(modules, "katex/dist/fonts", font), join(out, "fonts", font));
}
writeFileSync(join(out, "LICENSES.txt"), lock.map(({ name, version }) => `${name} ${version}\n\n${licenceOf(name)}\n`).join("\n"));
const hashes = Object.fromEntries(filesIn(out).sort().map((name) => [name, createHash("sha256").update(readFileSync(join(out, name))).digest("hex")]));
writeFileSync(join(out, "lock.json"), JSON.stringify({ packages: lock, files: hashes }, null, 1) + "\n");

// What the tests alone need stays out of the package.
const tests = join(here, "../../tests/lens/browser");
cpSync(join(modules, "axe-core/axe.min.js"), join(tests, "axe.min.js"));
cpSync(join(modules, "axe-core/LICENSE"), join(tests, "axe.LICENSE.txt"));

function packageOf(path) {
  const found = path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//);
  return found && found[1];
}

function licenceOf(name) {
  const file = readdirSync(join(modules, name)).find((file) => /^licen[sc]e/i.test(file));
  return file ? readFileSync(join(modules, name, file), "utf8").trim() : "";
}

function filesIn(folder, before = "") {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(join(folder, entry.name), `${before}${entry.name}/`) : [before + entry.name]);
}
