/** A pipeline of text: each step is a plugin that takes a text and gives one. */
import { BackplaneError, type PluginHost } from "backplane";
import { Step } from "./contracts.js";

/** A step that failed; the text went on without it. */
export interface SkippedStep {
  readonly step: string;
  readonly error: Error;
}

export interface PipelineResult {
  readonly text: string;
  readonly skipped: readonly SkippedStep[];
}

export class Pipeline {
  constructor(
    private readonly host: PluginHost,
    private readonly steps: readonly string[],
  ) {}

  /** Whatever a plugin does, there is a result: a step that fails is left out. */
  async run(text: string): Promise<PipelineResult> {
    const skipped: SkippedStep[] = [];
    for (const step of this.steps) {
      try {
        const plugin = await this.host.plugin(step, Step);
        text = await plugin.run(text, { timeout: 10_000 });
      } catch (error) {
        skipped.push({ step, error: error as Error });
      }
    }
    return { text, skipped };
  }
}

/** Why a plugin isn't there, or a call failed, in a line. */
export function reason(error: unknown): string {
  return error instanceof BackplaneError ? `${error.code}: ${error.message}` : String(error);
}
