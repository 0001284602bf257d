// Real work with es-module-lexer: the imports and exports of many sources that packages carry, and of broken ones.
// Prints a transcript.

import { init, parse } from "es-module-lexer";
import { findFiles } from "./real-files.js";
import { digest, Transcript } from "./transcript.js";

const transcript = new Transcript();
await init;

const sources = findFiles(/\.(mjs|js|cjs)$/, 400, { maximum: 400_000, perPackage: 6 });
transcript.note("many sources", sources.length >= 150);
for (const { path, text } of sources) {
  try {
    const [imports, exports, facade, hasModuleSyntax] = parse(text, path);
    const places = JSON.stringify([imports, exports]);
    transcript.note(path, [imports.length, exports.length, facade, hasModuleSyntax, digest(places)]);
  } catch (error) {
    transcript.note(path, { thrown: (error as Error).message });
  }
}

const written: [string, string][] = [
  [
    "static",
    "import a, {b as c} from 'x'; import * as d from \"y\"; export * from 'z'; export {c as default};",
  ],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a source text
  ["dynamic", "const m = await import('./m.js'); import(`t${m}`); import.meta.url"],
  ["attributes", "import data from './d.json' with { type: 'json' };"],
  ["strange names", "import { 'a b' as x } from '\\u{1F600}'; export { x as 'c d' }"],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a source text
  ["regexp or division", "a = b / c / import('x'); if (x) /import('y')/.test(s); `${/`/}${import('q')}`"],
  ["comment", "/* import 'a' */ // import 'b'\nimport 'c' // end"],
  ["unterminated", "import { a from 'x"],
  ["unterminated template", "`${"],
  ["emoji", `${"// 😀 中文\n".repeat(2000)}import 'after';`],
];
for (const [name, text] of written) {
  transcript.noteThrown(name, () =>
    parse(text)
      .slice(0, 2)
      .map((list) => JSON.stringify(list)),
  );
}
transcript.finish();
