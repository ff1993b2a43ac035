/** gpu.js's bundle for browsers: everything but headless GL, and no dependency. It runs in Node as well. */
declare module "gpu.js/dist/gpu-browser.js" {
  const library: unknown;
  export default library;
}
