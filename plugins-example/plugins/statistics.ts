// statistics: measure(text) -> JSON with the number of words and sentences, and the minutes that reading takes.
import { giveText, takeText } from "./lib/bindings";

export { backplane_alloc, backplane_free } from "./lib/bindings";

const wordsPerMinute = 200;

function isSpace(code: i32): bool {
  return code == 32 || (code >= 9 && code <= 13);
}

export function measure(pointer: usize, length: i32): u64 {
  const text = takeText(pointer, length);
  let words = 0;
  let sentences = 0;
  let inWord = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const space = isSpace(code);
    if (!space && !inWord) words++;
    const end = code == 46 || code == 33 || code == 63; // . ! ?
    if (end && (i + 1 == text.length || isSpace(text.charCodeAt(i + 1)))) sentences++;
    inWord = !space;
  }
  const minutes = Math.ceil(words / (wordsPerMinute as f64)) as i32;
  return giveText(`{"words":${words},"sentences":${sentences},"minutes":${minutes}}`);
}
