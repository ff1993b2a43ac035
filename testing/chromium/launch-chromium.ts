import { type Browser, chromium, type LaunchOptions } from "playwright";
import { findChromium } from "./find-chromium.js";

/**
 * WebGPU on whatever adapter there is (SwiftShader, which Chromium brings along, on a machine without a GPU), WebGL2
 * needing no flag, and silence towards the network.
 */
const flags = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How tests start Chromium, for Playwright and for Vitest's provider of that name. Headless. */
export function launchOptions(): LaunchOptions {
  return { executablePath: findChromium().path, args: flags, timeout: 60_000 };
}

/** A browser of its own profile; close it. Throws Playwright's error where Chromium is missing. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch(launchOptions());
}
