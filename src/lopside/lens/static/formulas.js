import { start as tex } from "./tex.js";

tex();
