/** Text for a terminal: names out of modules made harmless, columns, and the errors' lists. */

// Control characters, line separators, and the marks that reorder text: a hostile name must not drive a terminal.
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text whose unsafe characters are written as `\u{...}`; line feeds as well. */
export function printable(text: string): string {
  return text.replace(unsafe, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}

/** A name as it is if it reads as one word, else in quotes. */
export function showName(name: string): string {
  const safe = printable(name);
  return safe === name && /^[^\s"]+$/.test(name) ? name : `"${safe.replaceAll('"', '\\"')}"`;
}

/** Rows as lines, each cell but the last padded to its column's width; indented by two. */
export function columns(rows: readonly (readonly string[])[], widest = 40): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (let i = 0; i < row.length; i++) {
      const width = row[i].length;
      if (width <= widest) widths[i] = Math.max(widths[i] ?? 0, width);
    }
  }
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}`.trimEnd());
}

/** "1 byte", "1,234 bytes" */
export function count(n: number, unit: string): string {
  return `${n.toLocaleString("en-US")} ${unit}${n === 1 ? "" : "s"}`;
}

/** The first names of a list, and how many more there are. */
export function listNames(names: readonly string[], most = 12): string {
  const shown = names.slice(0, most).map(showName).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
