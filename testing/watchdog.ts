import type { Reporter, TestProject, Vite } from "vitest/node";

export interface WatchdogOptions {
  /** How long a browser may say nothing while it has tests to run. */
  readonly minutes: number;
}

interface FromProject {
  readonly project: TestProject;
}

/**
 * A page caught in a loop, or a browser that stopped answering, outlives every timeout of a test, since those run in the
 * page. This closes a browser that has said nothing for too long; its run then fails, naming the file.
 */
export function watchdog({ minutes }: WatchdogOptions): Vite.Plugin {
  return {
    name: "denoise-rotator:watchdog",
    configureVitest: ({ vitest }) => {
      vitest.config.reporters.push(closeWhenSilent(minutes, (why) => vitest.logger.error(why)));
    },
  };
}

function closeWhenSilent(minutes: number, report: (why: string) => void): Reporter {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let filesLeft = 0;
  const inBrowser = ({ project }: FromProject) => project.isBrowserEnabled();
  const heard = (from: FromProject) => {
    if (!inBrowser(from)) return;
    clearTimeout(timer);
    if (filesLeft === 0) return;
    timer = setTimeout(() => {
      report(`${from.project.name}: silent for ${minutes} minutes; the browser is closed`);
      void from.project.browser?.provider.close();
    }, minutes * 60_000).unref();
  };
  return {
    onTestRunStart: (files) => {
      filesLeft = files.filter(inBrowser).length;
    },
    onTestModuleStart: heard,
    onTestCaseReady: heard,
    onTestCaseResult: heard,
    onTestModuleEnd: (file) => {
      if (inBrowser(file)) filesLeft--;
      heard(file);
    },
  };
}
