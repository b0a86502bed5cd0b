import { start as graph } from "./graph.js";
import { start as space } from "./space.js";

for (const start of [graph, space]) start();
