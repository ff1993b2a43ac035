// A picture of a report: `node testing/picture-report.mjs report.html picture.png`. Left its light form, right its dark
// one, of the page's first screens.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright";

const [report, picture] = process.argv.slice(2);
if (!picture) throw new Error("node testing/picture-report.mjs report.html picture.png");
const [width, height, scale] = [960, 2060, 0.75];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
try {
  const page = await browser.newPage({ viewport: { width, height } });
  const halves = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.goto(pathToFileURL(resolve(report)).href);
    halves.push((await page.screenshot()).toString("base64"));
  }
  const both = await browser.newPage({ viewport: { width: 2 * width * scale, height: height * scale } });
  const images = halves.map((half) => `<img src="data:image/png;base64,${half}" width="${width * scale}">`);
  await both.setContent(`<body style="margin:0;display:flex">${images.join("")}</body>`);
  await both.screenshot({ path: picture });
} finally {
  await browser.close();
}
