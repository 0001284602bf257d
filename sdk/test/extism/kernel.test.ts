/** The kernel: what its functions do with honest and with hostile handles. */
import test from "ava";
import { Kernel } from "../../abi/extism/kernel.js";
import { HostError } from "../../index.js";

type Functions = Readonly<Record<string, (...args: (bigint | number)[]) => bigint>>;

function kernel(mayGrow: (pages: number) => boolean = () => true): { kernel: Kernel; env: Functions } {
  const made = new Kernel(mayGrow);
  return { kernel: made, env: made.functions as unknown as Functions };
}

test("input, output and error have their places", (t) => {
  const { kernel: k, env } = kernel();
  k.begin("héllo");
  t.is(env.input_length(), 6n);
  t.is(env.length(env.input_offset()), 6n);
  t.is(Number(env.input_load_u8(1n)), 0xc3);
  t.is(env.input_load_u64(0n), 0n, "fewer than eight bytes");
  const out = env.alloc(9n);
  env.store_u64(out, 0x6867666564636261n);
  env.store_u8(out + 8n, 0x21);
  t.is(k.output(), undefined);
  env.output_set(out, 9n);
  t.is(Buffer.from(k.output() as Buffer).toString(), "abcdefgh!");
  t.deepEqual([env.output_offset(), env.output_length()], [out, 9n]);
  t.is(k.error(), undefined);
  env.error_set(out);
  t.is(k.error(), "abcdefgh!");
  t.is(env.error_get(), out);
  env.error_set(0n);
  t.is(k.error(), undefined);
});

test("an output of no bytes is one", (t) => {
  const { kernel: k, env } = kernel();
  k.begin("x");
  env.output_set(0n, 0n);
  t.is(k.output()?.byteLength, 0);
});

test("a call's input frees all blocks and zeroes them", (t) => {
  const { kernel: k, env } = kernel();
  const block = env.alloc(100n);
  env.store_u64(block, -1n);
  env.output_set(block, 8n);
  env.error_set(block);
  k.begin("");
  t.deepEqual(
    [env.length(block), env.load_u64(block), env.output_length(), env.error_get(), env.input_length()],
    [0n, 0n, 0n, 0n, 0n],
  );
  t.is(k.output(), undefined);
});

test("nothing of a call is left behind the next one's input, whatever their lengths", (t) => {
  const { kernel: k, env } = kernel((pages) => pages <= 1);
  for (const [before, length] of [
    [64, 1],
    [1000, 999],
    [16, 64],
    [100, 100_000],
    [3000, 200_000],
  ] as const) {
    k.reset();
    const block = env.alloc(BigInt(before));
    for (let at = 0n; at + 8n <= before; at += 8n) env.store_u64(block + at, -1n);
    try {
      k.begin("x".repeat(length));
      t.is(Buffer.from(k.read(env.input_offset()) as Buffer).toString(), "x".repeat(length));
      for (let at = 64n + BigInt(length); at < 64n + BigInt(before) + 32n; at++)
        t.is(Number(env.load_u8(at)), 0);
    } catch (error) {
      t.true(error instanceof HostError && length === 200_000);
      for (let at = 64n; at < 64n + BigInt(before); at++) t.is(Number(env.load_u8(at)), 0);
    }
  }
});

test("alloc(0) is the null handle, as is what doesn't fit", (t) => {
  const { env } = kernel((pages) => pages <= 2);
  t.is(env.alloc(0n), 0n);
  t.is(env.alloc(4n * 65536n), 0n);
  t.not(env.alloc(65536n), 0n);
  for (const length of [2n ** 32n, 2n ** 32n - 1n, 2n ** 63n, -1n, -16n])
    t.is(env.alloc(length), 0n, `${length}`);
});

test("alloc gives up at the end of the address space, and goes on below it", (t) => {
  const { env } = kernel((pages) => pages < 100);
  t.is(env.alloc(0xfffe0000n), 0n);
  t.not(env.alloc(8n), 0n);
});

test("a freed block is used again, what is left of it too", (t) => {
  const { env } = kernel();
  const first = env.alloc(1000n);
  const second = env.alloc(16n);
  env.free(first);
  t.is(env.length(first), 0n);
  t.is(env.alloc(100n), first);
  const rest = env.alloc(200n);
  t.true(rest > first && rest < second, "inside of the freed one");
  t.deepEqual([env.length(first), env.length(rest), env.length(second)], [100n, 200n, 16n]);
});

test("freeing the input leaves no input", (t) => {
  const { kernel: k, env } = kernel();
  k.begin("some input");
  env.free(env.input_offset());
  t.is(env.input_length(), 0n);
  t.is(Number(env.input_load_u8(0n)), 0);
});

test("blocks never overlap, and keep their contents, in a long random life", (t) => {
  const { env } = kernel();
  let seed = 12345;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  const live = new Map<bigint, { length: bigint; mark: bigint }>();
  for (let step = 0; step < 4000; step++) {
    if (live.size > 0 && random(5) < 2) {
      const [handle] = [...live.keys()].slice(random(live.size));
      env.free(handle);
      live.delete(handle);
      continue;
    }
    const length = BigInt(8 + random(random(4) === 0 ? 5000 : 200));
    const handle = env.alloc(length);
    for (const [other, { length: taken }] of live) {
      if (handle < other + taken && other < handle + length) t.fail(`${handle} overlaps ${other}`);
    }
    const mark = BigInt(step) << 32n;
    env.store_u64(handle, mark);
    env.store_u64(handle + length - 8n, mark);
    live.set(handle, { length, mark });
  }
  for (const [handle, { length, mark }] of live) {
    t.is(env.length(handle), length);
    t.is(env.load_u64(handle + length - 8n), mark);
  }
});

const hostile: readonly (readonly [title: string, address: (end: bigint) => bigint])[] = [
  ["null", () => 0n],
  ["1", () => 1n],
  ["the slots", () => 24n],
  ["just below the first block", () => 63n],
  ["the last byte", (end) => end - 1n],
  ["the end", (end) => end],
  ["beyond the end", (end) => end + 1n],
  ["4 GiB", () => 2n ** 32n],
  ["4 GiB and a block's address", () => 2n ** 32n + 64n],
  ["2 ** 63", () => -(2n ** 63n)],
  ["-1", () => -1n],
  ["-7", () => -7n],
  ["-64", () => -64n],
];

for (const [title, address] of hostile) {
  test(`escape by address: ${title}: reads give 0, writes nothing, and it is no handle`, (t) => {
    const { kernel: k, env } = kernel();
    k.begin("input");
    const end = BigInt(k.pages * 65536);
    const p = address(end);
    const before = Buffer.from(k.read(env.input_offset()) as Buffer).toString();
    env.store_u64(p, -1n);
    t.is(env.load_u64(p), 0n);
    if (p !== end - 1n) {
      env.store_u8(p, 255);
      t.is(Number(env.load_u8(p)), 0);
    }
    env.free(p);
    t.deepEqual([env.length(p), env.length_unsafe(p)], [0n, 0n]);
    t.is(p === 0n ? undefined : k.read(p), undefined);
    env.output_set(p, 8n);
    env.input_set(p, 8n);
    t.deepEqual([env.output_length(), env.input_length()], [0n, 5n]);
    t.is(Buffer.from(k.read(env.input_offset()) as Buffer).toString(), before);
  });
}

const sizes: readonly (readonly [title: string, length: (end: bigint) => bigint])[] = [
  ["one byte more than there is", (end) => end - 79n],
  ["4 GiB", () => 2n ** 32n],
  ["2 ** 63", () => -(2n ** 63n)],
  ["-1", () => -1n],
  ["so many that the sum wraps around", () => -64n],
];

for (const [title, length] of sizes) {
  test(`escape by size: ${title}: no output, no input`, (t) => {
    const { kernel: k, env } = kernel();
    k.begin("input");
    const block = env.alloc(16n);
    t.is(block, 80n);
    const size = length(BigInt(k.pages * 65536));
    env.output_set(block, size);
    env.input_set(block, size);
    t.deepEqual([env.output_length(), env.input_length()], [0n, 5n]);
    t.is(Number(env.input_load_u8(size)), 0);
    t.is(env.input_load_u64(size), 0n);
  });
}

test("escape by handle: only the exact start of a block is one", (t) => {
  const { kernel: k, env } = kernel();
  const block = env.alloc(64n);
  for (let inside = 1n; inside < 64n; inside++) {
    t.is(env.length(block + inside), 0n);
    env.free(block + inside);
    t.is(k.read(block + inside), undefined);
  }
  t.is(env.length(block), 64n);
});

test("escape by handle: freed twice, the block is one block", (t) => {
  const { env } = kernel();
  const block = env.alloc(32n);
  env.free(block);
  env.free(block);
  const first = env.alloc(32n);
  const second = env.alloc(32n);
  t.not(first, second);
});

test("escape by handle: no byte of the memory decides over blocks", (t) => {
  const { kernel: k, env } = kernel();
  const block = env.alloc(32n);
  for (let p = 0n; p < 65536n; p += 8n) env.store_u64(p, -1n);
  t.is(env.length(block), 32n);
  const next = env.alloc(32n);
  t.is(env.length(next), 32n);
  env.free(block);
  t.is(env.alloc(32n), block);
  k.begin("x");
  t.is(env.load_u64(block), 120n);
});

test("escape by handle: a block of the call before is none", (t) => {
  const { kernel: k, env } = kernel();
  const blocks = Array.from({ length: 20 }, () => env.alloc(40n));
  k.begin(undefined);
  for (const block of blocks) t.is(env.length(block), 0n);
});

test("without memory for the input there is an error, and the next call goes on", (t) => {
  const { kernel: k } = kernel(() => false);
  const error = t.throws(() => k.begin(new Uint8Array(70_000)), { instanceOf: HostError });
  t.regex(error.message, /out of memory for a block of 70000 bytes/);
  t.notThrows(() => k.begin("small"));
});

test("memory_bytes tells what blocks can be in", (t) => {
  const { env } = kernel();
  t.is(env.memory_bytes(), 65536n - 64n);
  env.alloc(65536n);
  t.is(env.memory_bytes(), 2n * 65536n - 64n);
});
