/**
 * Runs comparisons in a child process, with a time limit.
 *
 * In: jobs, one at a time. Out: their outcomes; a child that died or was too slow gives one too, and the next job gets
 * a new child. `close` must be called at the end.
 */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

import type { EngineOptions } from "../support/namespace.js";

export interface ProcessOptions {
  /** `node` or `backplane` */
  readonly candidate: string;
  readonly engine: EngineOptions;
}

export interface Job {
  readonly bytes: Uint8Array;
  readonly seed: number;
  /** the bytes may not be a module */
  readonly damaged: boolean;
}

export interface JobOutcome {
  readonly kind: "same" | "different" | "skipped";
  readonly what?: string;
}

/** How the outcome of a comparison that took too long begins. */
export const NO_END = "no end";

export class CompareProcess {
  private child: ChildProcess | undefined;

  constructor(
    private readonly options: ProcessOptions,
    private readonly milliseconds = 20_000,
  ) {}

  async run(job: Job, milliseconds = this.milliseconds): Promise<JobOutcome> {
    const child = this.child ?? (await this.start());
    this.child = child;
    const answer = this.answerOf(child, milliseconds);
    child.send(job);
    return answer;
  }

  close(): void {
    this.child?.kill();
    this.child = undefined;
  }

  private async start(): Promise<ChildProcess> {
    const script = fileURLToPath(new URL("./compare-process.js", import.meta.url));
    const child = fork(script, [JSON.stringify(this.options)], { serialization: "advanced" });
    await new Promise<void>((resolve, reject) => {
      child.once("message", () => resolve());
      child.once("exit", (code) =>
        reject(new Error(`the comparing process ended at its start, code ${code}`)),
      );
    });
    child.removeAllListeners();
    return child;
  }

  private answerOf(child: ChildProcess, milliseconds: number): Promise<JobOutcome> {
    return new Promise((resolve) => {
      const finish = (outcome: JobOutcome, dead: boolean) => {
        clearTimeout(timer);
        child.removeAllListeners();
        if (dead) this.child = undefined;
        resolve(outcome);
      };
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        finish({ kind: "different", what: `${NO_END} after ${milliseconds} ms` }, true);
      }, milliseconds);
      child.once("message", (outcome: JobOutcome) => finish(outcome, false));
      child.once("exit", (code, signal) => {
        finish({ kind: "different", what: `the process died: ${signal ?? `exit code ${code}`}` }, true);
      });
    });
  }
}
