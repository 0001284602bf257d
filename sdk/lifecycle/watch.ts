/**
 * Tells of plugin files that were written. Editors write in two steps, rename over the file, delete and create: so
 * folders are watched, not files, and a file is told of when nothing has happened to it for a while.
 */
import { existsSync, type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../clock.js";
import { messageOf } from "../errors.js";
import type { Logger } from "../logger.js";

/** How a host looks at the files of its plugins. */
export interface WatchOptions {
  /** Milliseconds without a change before a file is looked at. Default: 100. */
  readonly debounce?: number;
}

export class PluginWatcher {
  private readonly folders = new Map<string, FSWatcher>();
  private readonly timers = new Map<string, unknown>();
  private readonly running = new Set<Promise<void>>();
  private readonly debounce: number;

  /** @param changed told of a file that exists; what it rejects with is logged */
  constructor(
    options: WatchOptions,
    private readonly changed: (file: string) => Promise<void>,
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {
    this.debounce = options.debounce ?? 100;
  }

  watch(folder: string): void {
    if (this.folders.has(folder)) return;
    const watcher = watch(folder, { persistent: false }, (_, file) => {
      if (file !== null && /(\.wasm|\.plugin\.json)$/.test(file)) this.touch(join(folder, file));
    });
    watcher.on("error", (err) => this.logger.warn({ folder, err }, `${folder} is no longer watched`));
    this.folders.set(folder, watcher);
  }

  /** Watches no more; waits for what is on its way. */
  async close(): Promise<void> {
    for (const watcher of this.folders.values()) watcher.close();
    for (const timer of this.timers.values()) this.clock.clearTimeout(timer);
    this.timers.clear();
    await Promise.allSettled(this.running);
  }

  private touch(file: string): void {
    this.clock.clearTimeout(this.timers.get(file));
    const timer = this.clock.setTimeout(() => {
      this.timers.delete(file);
      if (!existsSync(file)) return;
      const step = this.changed(file)
        .catch((err: unknown) => this.logger.warn({ file, err }, `${file} can't be used: ${messageOf(err)}`))
        .finally(() => this.running.delete(step));
      this.running.add(step);
    }, this.debounce);
    this.timers.set(file, timer);
  }
}
