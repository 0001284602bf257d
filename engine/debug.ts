/**
 * What developers can ask of the engine through the environment, read once when this module loads:
 *
 * - `BACKPLANE_DUMP=ssa,gvn,asm:func=3`: print the function after the named stages (`all`: every stage), only
 *   function 3 of each module if `:func=` is given. To standard error.
 * - `BACKPLANE_OFF=gvn,licm`: leave the named optional stages out; names of processor features (avx, avx2, bmi2, and
 *   so on) compile as for a processor without them.
 * - `BACKPLANE_TIME=1`: sum up time by stage, print a table when the process ends.
 * - `BACKPLANE_VERIFY=1`: verify the function after every pass.
 *
 * Stage names are file names (passes) or the pipeline's own: validate, ssa, lower, regalloc, asm, and so on.
 */
import { writeSync } from "node:fs";

export interface DebugOptions {
  readonly dumps: ReadonlySet<string>;
  /** Only this function's index is dumped; -1: all. */
  readonly dumpFunction: number;
  readonly off: ReadonlySet<string>;
  readonly time: boolean;
  readonly verify: boolean;
}

function names(text: string | undefined): Set<string> {
  return new Set(
    (text ?? "")
      .split(",")
      .map((s) => s.trim())
      .filter((s) => s !== ""),
  );
}

const isSet = (text: string | undefined): boolean => text !== undefined && text !== "" && text !== "0";

/**
 * Reads the options out of an environment.
 * @throws Error if the part after `:` in BACKPLANE_DUMP isn't `func=` and a number
 */
export function parseDebugOptions(environment: Readonly<Record<string, string | undefined>>): DebugOptions {
  const dump = environment.BACKPLANE_DUMP ?? "";
  const colon = dump.indexOf(":");
  const filter = colon < 0 ? null : /^func=(\d+)$/.exec(dump.slice(colon + 1));
  if (colon >= 0 && filter === null) {
    throw new Error(`BACKPLANE_DUMP: expected stages and then ":func=" and a function index, got "${dump}"`);
  }
  return {
    dumps: names(colon < 0 ? dump : dump.slice(0, colon)),
    dumpFunction: filter === null ? -1 : Number(filter[1]),
    off: names(environment.BACKPLANE_OFF),
    time: isSet(environment.BACKPLANE_TIME),
    verify: isSet(environment.BACKPLANE_VERIFY),
  };
}

export const debugOptions: DebugOptions = parseDebugOptions(process.env);

/** Whether a stage of a function is to be dumped; for callers whose text is costly to prepare. */
export function isDumped(stage: string, functionIndex: number): boolean {
  const { dumps, dumpFunction } = debugOptions;
  if (dumps.size === 0) return false;
  if (dumpFunction >= 0 && dumpFunction !== functionIndex) return false;
  return dumps.has(stage) || dumps.has("all");
}

/** Prints `text()` under a heading if the stage is to be dumped for this function. */
export function dumpStage(stage: string, functionIndex: number, text: () => string): void {
  if (isDumped(stage, functionIndex)) writeError(`---- ${stage}, function ${functionIndex}\n${text()}\n`);
}

/** Writes to standard error at once, since a dump often comes just before a crash. */
export function writeError(text: string): void {
  const bytes = Buffer.from(text);
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(2, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

const seconds = new Map<string, { total: number; count: number }>();
let registered = false;

/** The start of a timed stretch, for `endStage`; 0 when times aren't wanted. */
export function startStage(): number {
  return debugOptions.time ? performance.now() : 0;
}

/** Adds the time since `startStage` to a stage. */
export function endStage(stage: string, start: number): void {
  if (!debugOptions.time) return;
  if (!registered) {
    registered = true;
    process.on("exit", reportTimes);
  }
  const entry = seconds.get(stage);
  const elapsed = performance.now() - start;
  if (entry === undefined) seconds.set(stage, { total: elapsed, count: 1 });
  else {
    entry.total += elapsed;
    entry.count++;
  }
}

/** Runs `run` and adds its time to a stage. Stages may nest; each counts its inner stages too. */
export function timeStage<T>(stage: string, run: () => T): T {
  const start = startStage();
  try {
    return run();
  } finally {
    endStage(stage, start);
  }
}

/** The table that BACKPLANE_TIME=1 prints, longest first. */
export function timesText(): string {
  const lines = ["stage                        ms      runs"];
  for (const [stage, { total, count }] of [...seconds].sort((a, b) => b[1].total - a[1].total)) {
    lines.push(`${stage.padEnd(22)} ${total.toFixed(1).padStart(8)} ${String(count).padStart(9)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Prints the times so far and forgets them. */
export function reportTimes(): void {
  if (seconds.size === 0) return;
  writeError(timesText());
  seconds.clear();
}
