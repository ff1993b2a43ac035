export type { Browser, Page } from "playwright";
export { type FoundChromium, findChromium } from "./find-chromium.js";
export { launchChromium, launchOptions } from "./launch-chromium.js";
export { isolationHeaders, type PageServer, type Site, servePages } from "./serve-pages.js";
