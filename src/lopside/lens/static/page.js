// On every page: keys, the list one came from, drafts of what is being written.
import { start as drafts } from "./drafts.js";
import { start as keys } from "./keys.js";

document.documentElement.classList.add("scripts");
drafts();
keys();
