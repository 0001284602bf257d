/**
 * The life of a plugin as one state machine. A step that the table doesn't have is a fault of the SDK and throws,
 * so no two parts of it can disagree about what a plugin is doing.
 */
export type PluginState =
  | "discovered"
  | "loading"
  | "ready"
  | "reloading"
  | "draining"
  | "stopped"
  | "failed";

const next: Readonly<Record<PluginState, readonly PluginState[]>> = {
  discovered: ["loading", "stopped"],
  loading: ["ready", "failed", "stopped"],
  ready: ["reloading", "draining"],
  reloading: ["ready"],
  draining: ["stopped"],
  failed: ["loading", "stopped"],
  stopped: [],
};

export class Lifecycle {
  private current: PluginState = "discovered";

  /** @param plugin its name, for errors */
  constructor(private readonly plugin: string) {}

  get state(): PluginState {
    return this.current;
  }

  /** Errors: Error for a step that isn't in the table. */
  enter(state: PluginState): void {
    if (!next[this.current].includes(state)) {
      throw new Error(`${this.plugin}: no step from ${this.current} to ${state}`);
    }
    this.current = state;
  }
}
