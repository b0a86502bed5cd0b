import { start as graph } from "./graph.js";
import { start as peek } from "./peek.js";
import { start as space } from "./space.js";
import { start as table } from "./table.js";
import { start as terms } from "./terms.js";
import { start as tex } from "./tex.js";

for (const start of [tex, graph, table, terms, peek, space]) start();
