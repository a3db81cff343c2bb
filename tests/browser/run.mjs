// Runs a test's script against one page of a fresh browser, and prints what the script returns.
import { createRequire } from "node:module";
import { join } from "node:path";

const { folder, executable, options, script, values } = JSON.parse(process.argv[2]);
const { chromium } = createRequire(join(folder, "package.json"))("playwright-core");
const timeout = 120_000; // what takes so long hangs: the machine may be busy
const AsyncFunction = (async () => {}).constructor;

// Without Chromium's own sandbox: it needs privileges that containers, root and some
// distributions don't give, and all that this browser ever opens are the tests' own pages.
const browser = await chromium.launch({ executablePath: executable, args: options, timeout });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(timeout);
  page.on("pageerror", (error) => console.error(error));
  const result = await new AsyncFunction("page", "values", script)(page, values);
  console.log(JSON.stringify(result ?? null));
} finally {
  await browser.close();
}
