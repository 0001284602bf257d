// markup: run(text) -> HTML. A little of Markdown: headings, lists, paragraphs, **strong**, `code`, [[Page]].
// Every heading is told to the application, which makes the outline; it also knows where pages are.
import { giveText, site, takeText } from "./lib/bindings";
export { backplane_alloc, backplane_free } from "./lib/bindings";

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Every second part between two marks is what they mark: "a **b** c" is "a <strong>b</strong> c". */
function marked(text: string, mark: string, tag: string): string {
  const parts = text.split(mark);
  let result = parts[0];
  for (let i = 1; i < parts.length; i++) {
    const opens = i % 2 == 1;
    // A mark without its counterpart is text.
    if (opens && i == parts.length - 1) result += mark + parts[i];
    else result += (opens ? "<" : "</") + tag + ">" + parts[i];
  }
  return result;
}

/** [[Page]] is a link if there is such a page, else just its title. */
function linked(text: string): string {
  const parts = text.split("[[");
  let result = parts[0];
  for (let i = 1; i < parts.length; i++) {
    const end = parts[i].indexOf("]]");
    if (end < 0) {
      result += "[[" + parts[i];
      continue;
    }
    const title = parts[i].substring(0, end);
    const address = site.address(title);
    result += address === null ? title : '<a href="' + address + '">' + title + "</a>";
    result += parts[i].substring(end + 2);
  }
  return result;
}

function inline(text: string): string {
  return linked(marked(marked(escaped(text), "**", "strong"), "`", "code"));
}

function headingLevel(line: string): i32 {
  let level = 0;
  while (level < line.length && line.charAt(level) == "#") level++;
  return level > 0 && level <= 6 && line.charAt(level) == " " ? level : 0;
}

function block(lines: string[]): string {
  const first = lines[0];
  const level = headingLevel(first);
  if (level > 0) {
    const text = first.substring(level + 1).trim();
    site.heading(level, text);
    const tag = "h" + level.toString();
    return "<" + tag + ">" + inline(text) + "</" + tag + ">";
  }
  if (first.startsWith("- ")) {
    let items = "";
    for (let i = 0; i < lines.length; i++) items += "  <li>" + inline(lines[i].substring(2)) + "</li>\n";
    return "<ul>\n" + items + "</ul>";
  }
  return "<p>" + inline(lines.join(" ")) + "</p>";
}

export function run(pointer: usize, length: i32): u64 {
  const lines = takeText(pointer, length).split("\n");
  const blocks: string[] = [];
  let group: string[] = [];
  for (let i = 0; i <= lines.length; i++) {
    const line = i < lines.length ? lines[i].trim() : "";
    if (line.length > 0) group.push(line);
    // An empty line ends a block; a heading is one by itself.
    if (group.length > 0 && (line.length == 0 || headingLevel(line) > 0)) {
      blocks.push(block(group));
      group = [];
    }
  }
  return giveText(blocks.join("\n") + "\n");
}
