/** The name that was probably meant, for errors. */

/** Letters to change, add or take away to get from one to the other (Levenshtein's distance). */
function distance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = above[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      row.push(Math.min(change, above[j] + 1, row[j - 1] + 1));
    }
    above = row;
  }
  return above[to.length];
}

/** Longer names than any that is written by hand aren't looked at: they would take long. */
const longest = 100;

/** The nearest of `names`, or undefined if none is near. Upper and lower case, `-` and `_` make no difference. */
export function nearestName(name: string, names: Iterable<string>): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replace(/[-_]/g, "");
  let best: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of names) {
    if (name.length > longest || candidate.length > longest) continue;
    const steps = distance(plain(name), plain(candidate));
    if (steps < least) [best, least] = [candidate, steps];
  }
  return best;
}

/** `; did you mean "get"? (it offers: get, put)`, with as much of it as there is. */
export function suggestion(name: string, names: Iterable<string>, introduction: string): string {
  const all = [...names];
  const nearest = nearestName(name, all);
  const question = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  const shown = all.slice(0, 20).join(", ") + (all.length > 20 ? ", ..." : "");
  return `${question} (${introduction}: ${shown || "nothing"})`;
}
