/** A pipeline of text: each step is a plugin that exports `run(text) -> text`. */
import { BackplaneError, type PluginHost } from "backplane";

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
        text = (await this.host.plugin(step).call("run", text, { timeout: 1000 })) as string;
      } catch (error) {
        skipped.push({ step, error: error as Error });
      }
    }
    return { text, skipped };
  }
}

/** Why a plugin isn't there, in a line. */
export function reason(error: unknown): string {
  return error instanceof BackplaneError ? `${error.code}: ${error.message}` : String(error);
}
