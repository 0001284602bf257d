// Waiting: parked, so that the event loop goes on, or with the thread blocked; streams, sockets, clocks; closing.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { constants, openSync, writeSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { SuspendError } from "../../index.js";
import { fixedClocks, hostClocks, WasiError } from "../../wasi/index.js";
import { withLongerTimes } from "../support/longer-times.js";
import { Guest, Sandbox } from "./guest.js";

const parked = { asynchronous: true };
const subscriptionsAt = 8192;
const eventsAt = 12_288;

/** Writes subscriptions: a clock's timeout in ms, or a descriptor to read or write. */
function subscribe(
  guest: Guest,
  ...list: ({ ms: number; clock?: number } | { read: number } | { write: number })[]
): number {
  guest.bytes.fill(0, subscriptionsAt, subscriptionsAt + 48 * list.length);
  list.forEach((entry, i) => {
    const at = subscriptionsAt + 48 * i;
    guest.view.setBigUint64(at, BigInt(100 + i), true);
    if ("ms" in entry) {
      guest.view.setUint32(at + 16, entry.clock ?? 1, true);
      guest.view.setBigUint64(at + 24, BigInt(entry.ms * 1_000_000), true);
      return;
    }
    guest.view.setUint8(at + 8, "read" in entry ? 1 : 2);
    guest.view.setUint32(at + 16, "read" in entry ? entry.read : entry.write, true);
  });
  return list.length;
}

interface PolledEvent {
  readonly user: number;
  readonly errno: number;
  readonly bytes: number;
}

function events(guest: Guest): PolledEvent[] {
  return Array.from({ length: guest.result() }, (_, i) => {
    const at = eventsAt + 32 * i;
    return {
      user: Number(guest.view.getBigUint64(at, true)),
      errno: guest.view.getUint16(at + 8, true),
      bytes: Number(guest.view.getBigUint64(at + 16, true)),
    };
  });
}

async function poll(
  guest: Guest,
  ...list: Parameters<typeof subscribe>[1][]
): Promise<PolledEvent[] | string> {
  const count = subscribe(guest, ...list);
  const errno = await guest.wait("poll_oneoff", subscriptionsAt, eventsAt, count, 16);
  return errno === "SUCCESS" ? events(guest) : errno;
}

function readInto(guest: Guest, fd: number): Promise<string> {
  guest.vector(1024, 4096);
  return guest
    .wait("fd_read", fd, 64, 1, 16)
    .then((errno) => (errno === "SUCCESS" ? guest.textRead() : `[${errno}]`));
}

test.serial("a sleep parks the guest: timers and other guests go on", async (t) => {
  const guest = await Guest.make({}, parked);
  const ticksBeside = async (ms: number): Promise<number> => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const started = performance.now();
    t.like(await poll(guest, { ms }), [{ user: 100, errno: 0 }]);
    clearInterval(timer);
    t.true(performance.now() - started >= ms - 2, String(performance.now() - started));
    return ticks;
  };
  t.true((await withLongerTimes(ticksBeside, (ticks) => ticks > 2)) > 2);
  const [longest, ...others] = (await Promise.all(
    Array.from({ length: 50 }, () => Guest.make({}, parked)),
  )) as [Guest, ...Guest[]];
  const closed = t.throwsAsync(poll(longest, { ms: 3_600_000 }), { instanceOf: WasiError });
  const all = await Promise.all(others.map((each) => poll(each, { ms: 50 })));
  t.true(all.every((found) => Array.isArray(found) && found.length === 1));
  longest.wasi.close();
  await closed;
});

test.serial("a sleep blocks the thread of a synchronous call", async (t) => {
  const guest = await Guest.make();
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const started = performance.now();
  t.like(await poll(guest, { ms: 40 }), [{ user: 100, errno: 0 }]);
  t.true(performance.now() - started >= 38);
  t.is(ticks, 0);
  clearInterval(timer);
});

test.serial("several at once: what is first, what is due, what fails", async (t) => {
  for (const mode of [parked, {}]) {
    const guest = await Guest.make({ stdin: "input" }, mode);
    t.deepEqual(await poll(guest, { ms: 10_000 }, { read: 0 }), [{ user: 101, errno: 0, bytes: 5 }]);
    t.like(await poll(guest, { ms: 10_000 }, { ms: 1 }), [{ user: 101, errno: 0 }]);
    t.like(await poll(guest, { ms: 0 }, { write: 1 }, { ms: 10_000 }), [{ user: 101 }, { user: 100 }]);
    t.like(await poll(guest, { ms: 10_000 }, { read: 77 }), [{ user: 101, errno: 8 }]);
    t.like(await poll(guest, { ms: 10_000, clock: 9 }), [{ user: 100, errno: 28 }]);
    t.like(
      await poll(guest, { ms: 10_000, clock: 2 }),
      [{ user: 100, errno: 58 }],
      "a clock that isn't granted",
    );
  }
});

test.serial("absolute times, of both clocks", async (t) => {
  const guest = await Guest.make({}, parked);
  for (const clock of [0, 1]) {
    const started = performance.now();
    t.is(guest.call("clock_time_get", clock, 0n, 16), "SUCCESS");
    const now = guest.view.getBigUint64(16, true);
    subscribe(guest, { ms: 0, clock });
    guest.view.setBigUint64(subscriptionsAt + 24, now + 20_000_000n, true);
    guest.view.setUint16(subscriptionsAt + 40, 1, true);
    t.is(await guest.wait("poll_oneoff", subscriptionsAt, eventsAt, 1, 16), "SUCCESS");
    t.true(performance.now() - started > 15);
  }
});

test.serial("input from a stream: parked until there is some, until its end", async (t) => {
  const stdin = new PassThrough();
  const guest = await Guest.make({ stdin }, parked);
  t.like(await poll(guest, { read: 0 }, { ms: 20 }), [{ user: 101 }]);
  const first = readInto(guest, 0);
  await delay(10);
  stdin.write("hello ");
  t.is(await first, "hello ");
  setTimeout(() => stdin.write("world"), 10);
  t.like(await poll(guest, { read: 0 }, { ms: 10_000 }), [{ user: 100, bytes: 5 }]);
  t.is(await readInto(guest, 0), "world");
  const last = readInto(guest, 0);
  stdin.end();
  t.is(await last, "");
  t.is(await readInto(guest, 0), "");
});

test.serial("input in pieces smaller than the stream's, and what is left goes back", async (t) => {
  const stdin = new PassThrough();
  stdin.write("0123456789");
  const guest = await Guest.make({ stdin }, parked);
  guest.vector(1024, 3);
  for (const part of ["012", "345"]) {
    t.is(await guest.wait("fd_read", 0, 64, 1, 16), "SUCCESS");
    t.is(guest.textRead(), part);
  }
  guest.wasi.close();
  t.is(String(stdin.read()), "6789");
});

test.serial("a stream that fails is an error of the guest's", async (t) => {
  const stdin = new PassThrough();
  const guest = await Guest.make({ stdin }, parked);
  const read = readInto(guest, 0);
  await delay(5);
  stdin.destroy(new Error("broken"));
  t.is(await read, "[EIO]");
});

test.serial("without being asked to wait, or unable to, a guest gets EAGAIN", async (t) => {
  const guest = await Guest.make({ stdin: new PassThrough() });
  t.is(await readInto(guest, 0), "[EAGAIN]");
  t.is(await poll(guest, { read: 0 }), "EAGAIN", "it would be for ever");
  const other = await Guest.make({ stdin: new PassThrough() }, parked);
  t.is(other.call("fd_fdstat_set_flags", 0, 4), "SUCCESS");
  t.is(await readInto(other, 0), "[EAGAIN]", "nonblocking");
  const wrong = await Guest.make({ stdin: new PassThrough() }, parked);
  wrong.vector(1024, 10);
  t.throws(() => wrong.call("fd_read", 0, 64, 1, 16), { instanceOf: SuspendError });
});

test.serial("output to a stream that is slow: the guest waits for it", async (t) => {
  const chunks: Buffer[] = [];
  const stdout = new Writable({
    highWaterMark: 1000,
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      setTimeout(done, 5);
    },
  });
  const guest = await Guest.make({ stdout }, parked);
  let most = 0;
  for (let i = 0; i < 20; i++) {
    guest.bytes.fill(65 + i, 1024, 1524);
    guest.vector(1024, 500);
    t.is(await guest.wait("fd_write", 1, 64, 1, 16), "SUCCESS");
    most = Math.max(most, stdout.writableLength);
  }
  t.true(most <= 1500, `${most} bytes were held`);
  stdout.end();
  await once(stdout, "finish");
  const text = Buffer.concat(chunks).toString();
  t.is(text.length, 10_000);
  t.is(text.slice(0, 501), `${"A".repeat(500)}B`, "what was written, not what memory holds later");
  t.is(guest.write(1, "x"), "EPIPE");
});

test.serial("output to a stream that fails doesn't end the process", async (t) => {
  const stdout = new Writable({
    write(_chunk, _encoding, done) {
      done(new Error("full"));
    },
  });
  const guest = await Guest.make({ stdout }, parked);
  t.is(guest.write(1, "x"), "SUCCESS");
  await delay(5);
  t.is(guest.write(1, "x"), "EPIPE");
});

test.serial("a guest that can't wait holds no more than a bounded part in a stream", async (t) => {
  const stdout = new Writable({ write() {} });
  const guest = await Guest.make({ stdout });
  guest.vector(0, 65_536);
  let written = 0;
  while (guest.call("fd_write", 1, 64, 1, 16) === "SUCCESS") written += guest.result();
  t.is(guest.call("fd_write", 1, 64, 1, 16), "EAGAIN");
  t.true(written > 16_000_000 && written < 18_000_000, String(written));
});

test.serial("closing ends the calls that wait", async (t) => {
  const stdin = new PassThrough();
  const guest = await Guest.make({ stdin }, parked);
  const calls = [readInto(guest, 0), poll(guest, { ms: 3_600_000 }), poll(guest, { read: 0 })];
  await delay(5);
  guest.wasi.close();
  for (const call of calls) await t.throwsAsync(call, { instanceOf: WasiError, message: /closed/ });
  t.is(stdin.listenerCount("readable"), 0);
  t.is(stdin.listenerCount("error"), 0);
});

test.serial("sched_yield lets the event loop go on", async (t) => {
  const guest = await Guest.make({}, parked);
  let ran = false;
  setImmediate(() => {
    ran = true;
  });
  t.is(await guest.wait("sched_yield"), "SUCCESS");
  t.true(ran);
  t.is((await Guest.make()).call("sched_yield"), "SUCCESS");
});

test.serial("fixed clocks: a sleep takes no time, and every run has the same times", async (t) => {
  const run = async (): Promise<bigint[]> => {
    const guest = await Guest.make({ clocks: fixedClocks({ start: 5n, step: 7n }) }, parked);
    const times: bigint[] = [];
    for (let i = 0; i < 3; i++) {
      guest.call("clock_time_get", i % 2, 0n, 16);
      times.push(guest.view.getBigUint64(16, true));
      await poll(guest, { ms: 3_600_000 });
    }
    return times;
  };
  const [first, second] = [await run(), await run()];
  t.deepEqual(first, second);
  t.is(first[0], 5n);
  t.true(first[2]! >= 2n * 3_600_000_000_000n);
});

test.serial("clocks are as fine as was given", async (t) => {
  const read = (guest: Guest, clock: number): bigint => {
    t.is(guest.call("clock_time_get", clock, 0n, 16), "SUCCESS");
    return guest.view.getBigUint64(16, true);
  };
  const coarse = await Guest.make();
  t.is(coarse.call("clock_res_get", 0, 16), "SUCCESS");
  t.is(coarse.view.getBigUint64(16, true), 1_000_000n);
  for (let i = 0; i < 100; i++) {
    t.is(read(coarse, 0) % 1_000_000n, 0n);
    t.is(read(coarse, 1) % 1_000_000n, 0n);
  }
  t.true(Math.abs(Number(read(coarse, 0) / 1_000_000n) - Date.now()) < 1000);
  t.true(read(coarse, 1) < 60_000_000_000n, "not the host's uptime");
  t.is(coarse.call("clock_time_get", 2, 0n, 16), "ENOTSUP");
  t.is(coarse.call("clock_res_get", 3, 16), "ENOTSUP");
  t.is(coarse.call("clock_time_get", 4, 0n, 16), "EINVAL");
  const fine = await Guest.make({ clocks: hostClocks({ resolution: 1n, cpu: true }) });
  const times = new Set(Array.from({ length: 100 }, () => read(fine, 1) % 1_000_000n));
  t.true(times.size > 10);
  t.true(Math.abs(Number(read(fine, 0) / 1_000_000n) - Date.now()) < 1000);
  t.true(read(fine, 2) > 0n);
  t.throws(() => hostClocks({ resolution: 0n }), { instanceOf: RangeError });
});

test.serial("a pipe of the host's: parked or blocked until there is something", async (t) => {
  const sandbox = new Sandbox();
  const path = join(sandbox.inside, "pipe");
  execFileSync("mkfifo", [path]);
  const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const guest = await Guest.make({ preopens: { "/": { path: sandbox.inside, write: true } } }, parked);
  const fd = guest.open("pipe") as number;
  t.is(typeof fd, "number", "opening it doesn't wait for the other end");
  t.like(await poll(guest, { read: fd }, { ms: 10 }), [{ user: 101 }]);
  setTimeout(() => writeSync(pipe, "late"), 20);
  t.is(await readInto(guest, fd), "late");
  const blocked = await Guest.make({ stdin: pipe });
  t.like(await poll(blocked, { read: 0 }, { ms: 10 }), [{ user: 101 }]);
  writeSync(pipe, "there");
  t.like(await poll(blocked, { read: 0 }, { ms: 10_000 }), [{ user: 100 }]);
  t.is(await readInto(blocked, 0), "there");
  guest.wasi.close();
  sandbox.remove();
});

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as { port: number }).port };
}

async function received(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, "data")) as [Buffer];
  return chunk.toString();
}

test.serial("a server that was handed in: accept, receive, peek, send, shut down", async (t) => {
  const { server, port } = await listening();
  const guest = await Guest.make({ preopens: {}, sockets: [server] }, parked);
  const accepting = guest.wait("sock_accept", 3, 0, 16);
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  t.is(await accepting, "SUCCESS");
  const fd = guest.result();
  t.is(fd, 4);
  client.write("hello");
  guest.vector(1024, 4096);
  t.is(await guest.wait("sock_recv", fd, 64, 1, 1, 16, 20), "SUCCESS");
  t.is(guest.textRead(), "hello", "peeked");
  t.is(await guest.wait("sock_recv", fd, 64, 1, 0, 16, 20), "SUCCESS");
  t.is(guest.textRead(), "hello");
  guest.vector(1024, 8);
  const all = guest.wait("sock_recv", fd, 64, 1, 2, 16, 20);
  client.write("1234");
  await delay(20);
  client.write("56789");
  t.is(await all, "SUCCESS");
  t.is(guest.textRead(), "12345678", "all of the vector is waited for");
  t.is(await readInto(guest, fd), "9", "fd_read does as well");
  guest.vector(...guest.text("answer"));
  const answer = received(client);
  t.is(await guest.wait("sock_send", fd, 64, 1, 0, 16), "SUCCESS");
  t.is(await answer, "answer");
  t.is(guest.call("sock_shutdown", fd, 0), "EINVAL");
  t.is(guest.call("sock_shutdown", fd, 2), "SUCCESS");
  await once(client, "end");
  t.is(guest.write(fd, "x"), "EPIPE");
  client.end("bye");
  t.is(await readInto(guest, fd), "bye");
  t.is(await readInto(guest, fd), "", "the end");
  t.is(guest.call("fd_close", fd), "SUCCESS");
  t.is(guest.call("sock_accept", fd, 0, 16), "EBADF");
  guest.wasi.close();
  t.true(server.listening, "the server is the host's");
  server.close();
});

test.serial("sockets: what isn't there yet, flags, errors", async (t) => {
  const { server, port } = await listening();
  const guest = await Guest.make({ sockets: [server] }, parked);
  t.is(guest.call("fd_fdstat_set_flags", 3, 4), "SUCCESS");
  t.is(await guest.wait("sock_accept", 3, 0, 16), "EAGAIN");
  t.is(await guest.wait("sock_accept", 3, 1, 16), "EINVAL");
  t.is(await guest.wait("sock_recv", 3, 64, 1, 0, 16, 20), "ENOTSOCK");
  t.is(guest.call("fd_read", 3, 64, 1, 16), "ENOTCAPABLE");
  const client = connect(port, "127.0.0.1");
  t.like(await poll(guest, { read: 3 }, { ms: 10_000 }), [{ user: 100 }]);
  t.is(await guest.wait("sock_accept", 3, 4, 16), "SUCCESS");
  const fd = guest.result();
  t.is(await readInto(guest, fd), "[EAGAIN]");
  t.is(await guest.wait("sock_accept", fd, 0, 16), "EINVAL");
  client.resetAndDestroy();
  t.like(await poll(guest, { read: fd }, { ms: 10_000 }), [{ user: 100 }]);
  t.is(await readInto(guest, fd), "[EIO]");
  server.close();
  guest.wasi.close();
});

test.serial("a connection that was handed in", async (t) => {
  const { server, port } = await listening();
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const client = connect(port, "127.0.0.1");
  const [socket] = await accepted;
  const guest = await Guest.make({ sockets: [socket] }, parked);
  const reading = readInto(guest, 3);
  client.write("hi");
  t.is(await reading, "hi");
  guest.wasi.close();
  await once(client, "close");
  server.close();
  t.pass();
});
