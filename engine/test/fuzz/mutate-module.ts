/**
 * Damages modules: bit flips, bytes put in, taken out or copied, numbers in LEB128 changed, lengthened or cut,
 * sections swapped, doubled, dropped or cut short.
 *
 * In: a valid module and a seeded random source. Out: other bytes, seldom still valid. Half of the edits keep the
 * sizes of the sections around them right, so that the damage reaches past the section headers.
 */

import { inspectModule, type SectionRange } from "../support/inspect-module.js";
import type { Random } from "../support/random.js";
import { ByteWriter } from "../support/wasm-bytes.js";

function splice(bytes: Uint8Array, at: number, remove: number, insert: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(bytes.length - remove + insert.length);
  out.set(bytes.subarray(0, at));
  out.set(insert, at);
  out.set(bytes.subarray(at + remove), at + insert.length);
  return out;
}

const interestingBytes = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0e, 0x10, 0x11, 0x1a, 0x1b, 0x1c, 0x20, 0x21, 0x22, 0x28,
  0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x60, 0x6f, 0x70, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f, 0x80, 0xd0, 0xd1, 0xd2,
  0xfc, 0xfd, 0xff,
];

/** Numbers as LEB128, some longer than they may be or need be. */
const interestingNumbers: readonly (readonly number[])[] = [
  [0x00],
  [0x7f],
  [0x80, 0x00],
  [0x80, 0x01],
  [0xff, 0xff, 0x03],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x7f],
  [0x80, 0x80, 0x80, 0x80, 0x00],
  [0x80, 0x80, 0x80, 0x80, 0x10],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
];

function editByte(bytes: Uint8Array, at: number, random: Random): Uint8Array {
  const out = bytes.slice();
  out[at] = random.chance(50) ? (out[at] as number) ^ (1 << random.below(8)) : random.pick(interestingBytes);
  return out;
}

/** Replaces the LEB128 number at `at`, wherever that may be. */
function editNumber(bytes: Uint8Array, at: number, random: Random): Uint8Array {
  let length = 1;
  while (length < 10 && ((bytes[at + length - 1] ?? 0) & 0x80) !== 0) length++;
  if (random.chance(40)) {
    const out = bytes.slice();
    out[at] = ((out[at] as number) & 0x80) | (((out[at] as number) + random.between(-2, 2)) & 0x7f);
    return out;
  }
  return splice(bytes, at, Math.min(length, bytes.length - at), random.pick(interestingNumbers));
}

function editAt(bytes: Uint8Array, at: number, random: Random): Uint8Array {
  switch (random.below(6)) {
    case 0:
    case 1:
      return editByte(bytes, at, random);
    case 2:
      return editNumber(bytes, at, random);
    case 3:
      return splice(
        bytes,
        at,
        0,
        Array.from({ length: random.between(1, 4) }, () => random.pick(interestingBytes)),
      );
    case 4:
      return splice(bytes, at, Math.min(random.between(1, 6), bytes.length - at), []);
    default: {
      const from = random.below(bytes.length);
      return splice(bytes, at, 0, bytes.slice(from, from + random.between(1, 12)));
    }
  }
}

/** Writes the module anew from pieces, with right sizes. */
function assemble(
  header: Uint8Array,
  sections: readonly { readonly id: number; readonly payload: Uint8Array }[],
): Uint8Array {
  const out = new ByteWriter();
  out.bytes(header);
  for (const section of sections) {
    out.u8(section.id);
    out.sized(section.payload);
  }
  return out.toBytes();
}

function editInsideSection(bytes: Uint8Array, sections: readonly SectionRange[], random: Random): Uint8Array {
  const parts = sections.map((section) => ({
    id: section.id,
    payload: bytes.subarray(section.payload, section.end),
  }));
  const at = random.below(parts.length);
  const part = parts[at];
  if (part === undefined || part.payload.length === 0) return bytes;
  parts[at] = { id: part.id, payload: editAt(part.payload, random.below(part.payload.length), random) };
  return assemble(bytes.subarray(0, 8), parts);
}

function editSections(bytes: Uint8Array, sections: readonly SectionRange[], random: Random): Uint8Array {
  const parts = sections.map((section) => ({
    id: section.id,
    payload: bytes.subarray(section.payload, section.end),
  }));
  const at = random.below(parts.length);
  const part = parts[at];
  if (part === undefined) return bytes;
  switch (random.below(5)) {
    case 0: {
      const other = random.below(parts.length);
      parts[at] = parts[other] as typeof part;
      parts[other] = part;
      break;
    }
    case 1:
      parts.splice(random.below(parts.length + 1), 0, part);
      break;
    case 2:
      parts.splice(at, 1);
      break;
    case 3:
      parts[at] = { id: part.id, payload: part.payload.subarray(0, random.below(part.payload.length + 1)) };
      break;
    default:
      parts[at] = { id: random.below(14), payload: part.payload };
  }
  return assemble(bytes.subarray(0, 8), parts);
}

/** One to three edits of a valid module. */
export function mutateModule(original: Uint8Array, random: Random): Uint8Array {
  // A Buffer's `slice` shares memory, and edits are made in place.
  const bytes = new Uint8Array(original);
  const { sections } = inspectModule(bytes);
  const kind = random.below(10);
  let out: Uint8Array;
  if (kind < 5) out = editInsideSection(bytes, sections, random);
  else if (kind < 6) out = editSections(bytes, sections, random);
  else if (kind < 7) out = bytes.slice(0, random.below(bytes.length));
  else out = editAt(bytes, random.below(bytes.length), random);
  for (let more = random.chance(25) ? random.between(1, 2) : 0; more > 0 && out.length > 0; more--) {
    out = editAt(out, random.below(out.length), random);
  }
  return out;
}
