import { start as keys } from "./keys.js";

keys();
