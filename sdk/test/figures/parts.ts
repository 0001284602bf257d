/** A command that measures figures by parts: all of them, or those that are named, in one table. */
import { printRows, type Row, WrongAnswer } from "./row.js";

/** What measures a part of the figures. */
export type Part = () => Row | Row[] | Promise<Row | Row[]>;

/**
 * Runs the parts that the command line names, without any all of them, and prints their rows. The process ends with 1 if an
 * answer was wrong, with 2 if there is no such part.
 *
 * @param note printed above the table
 */
export async function runParts(parts: Readonly<Record<string, Part>>, note: string): Promise<void> {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !Object.hasOwn(parts, name));
  if (unknown.length > 0) {
    console.error(`no part ${unknown.join(", ")}; there are: ${Object.keys(parts).join(", ")}`);
    process.exit(2);
  }
  const rows: Row[] = [];
  for (const name of wanted.length > 0 ? wanted : Object.keys(parts)) {
    try {
      rows.push(...[await parts[name]()].flat());
    } catch (error) {
      if (!(error instanceof WrongAnswer)) throw error;
      rows.push({ what: error.message, asked: "a right answer", measured: "wrong", within: false });
      process.exitCode = 1;
    }
  }
  console.log(`${note}\n`);
  printRows(rows);
  console.log(`\nTook ${Math.round(performance.now() / 1000)} s.`);
}
