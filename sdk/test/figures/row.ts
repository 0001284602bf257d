/** Rows of the table of figures, and how it is printed. */

export interface Row {
  readonly what: string;
  /** As it was asked for, or what it is put beside. */
  readonly asked: string;
  readonly measured: string;
  /** Whether the figure is as asked; undefined: nothing was asked, or it couldn't be measured here. */
  readonly within?: boolean;
}

/** Thrown for a wrong answer, which no machine excuses. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";
}

/** Errors: WrongAnswer. */
export function require(holds: boolean, what: string): void {
  if (!holds) throw new WrongAnswer(what);
}

export function printRows(rows: readonly Row[]): void {
  const cells = [
    ["what", "asked", "measured", ""],
    ["---", "---", "---", "---"],
    ...rows.map(({ what, asked, measured, within }) => [
      what,
      asked,
      measured,
      within === undefined ? "" : within ? "yes" : "no",
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...cells.map((line) => (line[column] as string).length)),
  );
  for (const line of cells) {
    const padded = line.map((cell, i) =>
      cell === "---" ? "-".repeat(widths[i] as number) : cell.padEnd(widths[i] as number),
    );
    console.log(`| ${padded.join(" | ")} |`);
  }
}

export const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
