/**
 * A process of its own for the tests of the fault handler, since most of them end it. The first argument names what
 * to do; on standard output one line per success.
 */
import { isMainThread, Worker } from "node:worker_threads";
import { Encoder, inMemory } from "../../isa/amd64/encode.js";
import { Amd64 } from "../../isa/amd64/instructions.js";
import { rax, rcx, rsp } from "../../isa/amd64/registers.js";
import { contextRegister } from "../../isa/arm64/registers.js";
import { RoutineEncoder, sp } from "../../isa/arm64/routine-encoder.js";
import { FaultRange, FaultTable } from "../../machine/native-tables.js";
import type { Target } from "../../machine/target.js";
import { nodeWebAssembly } from "../../platform/index.js";
import { Context, ExitStatus } from "../../runtime/layout.js";
import { NativeBench } from "./native-bench.js";

/** A function that loads from 8 bytes after Context.entryEnv; where the load is; how much lower its sp is than at the top. */
interface Loader {
  readonly bytes: Uint8Array;
  readonly site: number;
  readonly depth: number;
}

function amd64Loader(): Loader {
  const e = new Encoder();
  e.emit(Amd64.sub64_ri, 0, rsp, 24);
  e.setAddress(15, Context.entryEnv);
  e.emit(Amd64.mov64_rm, rax, inMemory);
  const site = e.size;
  e.setAddress(rax, 8);
  e.emit(Amd64.mov64_rm, rcx, inMemory);
  e.emit(Amd64.add64_ri, 0, rsp, 24);
  e.return();
  return { bytes: e.bytes.slice(0, e.size), site, depth: 8 + 24 };
}

function arm64Loader(): Loader {
  const e = new RoutineEncoder("loader");
  e.addImmediate(sp, sp, -32);
  e.load(0, contextRegister, Context.entryEnv);
  const site = e.size;
  e.load(1, 0, 8);
  e.addImmediate(sp, sp, 32);
  e.return();
  return { bytes: e.finished(), site, depth: 32 };
}

const loaders: Record<Target["name"], () => Loader> = { amd64: amd64Loader, arm64: arm64Loader };

/** Adds to the first range's fields so that ranges before ours must be searched and skipped. */
const decoys = 5;

class FaultBench extends NativeBench {
  readonly table = this.platform.allocate(FaultTable.pageSize);
  private readonly secondPage = this.platform.allocate(FaultTable.pageSize);
  readonly forbidden = this.platform.allocate(65536);
  readonly loader: number;
  readonly site: number;
  private readonly depth: number;
  private readonly adapter: number;
  private readonly siteBits = new Uint8Array(new ArrayBuffer(16));

  constructor() {
    super();
    this.platform.protect(this.forbidden, 65536);
    const { bytes, site, depth } = loaders[this.target.name]();
    this.depth = depth;
    this.loader = this.add(bytes);
    this.site = this.loader + site;
    this.adapter = this.add(this.target.entryAdapter({ params: [], results: [] }));
    this.siteBits[site >> 3] = 1 << (site & 7);
  }

  private view(page: number): DataView {
    return new DataView(this.platform.view(page, FaultTable.pageSize));
  }

  /** Fills the table; our range is in the second page, behind free and foreign entries. */
  fillTable(): void {
    const first = this.view(this.table);
    const second = this.view(this.secondPage);
    first.setBigUint64(FaultTable.next, BigInt(this.secondPage), true);
    first.setUint32(FaultTable.count, 3, true);
    for (let k = 0; k <= decoys; k++) {
      const at = FaultTable.ranges + FaultRange.size * k;
      const start = k === decoys ? this.loader : 4096 * k;
      second.setBigUint64(at + FaultRange.start, BigInt(start), true);
      second.setBigUint64(at + FaultRange.sites, BigInt(this.platform.addressOf(this.siteBits.buffer)), true);
      second.setBigUint64(at + FaultRange.exit, BigInt(this.stubsAddress + this.stubs.faultExit), true);
      second.setBigUint64(at + FaultRange.end, BigInt(k === decoys ? this.loader + 64 : start + 100), true);
    }
    second.setUint32(FaultTable.count, decoys + 1, true);
  }

  install(previous?: number): void {
    this.fillTable();
    const address = BigInt(previous ?? this.platform.signals!.currentHandler("fault").address);
    this.view(this.table).setBigUint64(FaultTable.previousSegv, address, true);
    const { bytes, entry } = this.target.faults.handler(BigInt(this.table));
    this.platform.signals!.installHandler("fault", this.add(bytes) + entry);
  }

  forgetSites(): void {
    this.siteBits.fill(0);
  }

  load(address: number): number {
    return this.start(this.adapter, this.loader, address - 8);
  }

  trapOnce(): void {
    const status = this.load(this.forbidden + 4096);
    const ok =
      status === ExitStatus.trap &&
      this.get(Context.trapPc) === this.site &&
      this.get(Context.faultAddress) === this.forbidden + 4096 &&
      this.get(Context.wasmSp) === this.stackTop - this.depth;
    if (!ok) throw new Error(`status ${status}, pc ${this.get(Context.trapPc).toString(16)}`);
  }
}

/** (module (memory 1) (func (export "f") (param i32) (result i32) local.get 0 i32.load)) */
const loader = new Uint8Array([
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1],
  ...[7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 32, 0, 40, 2, 0, 11],
]);

function hostTrap(): void {
  const host = nodeWebAssembly();
  const instance = new host.Instance(new host.Module(loader)) as { exports: { f(n: number): number } };
  try {
    instance.exports.f(1 << 20);
  } catch (error) {
    if ((error as Error).name === "RuntimeError") return;
  }
  throw new Error("the host's own trap did not come");
}

const readAt = (bench: FaultBench, address: number): number =>
  new Uint8Array(bench.platform.view(address, 16))[0]!;

const actions: Record<string, (bench: FaultBench) => void | Promise<void>> = {
  trap(bench) {
    bench.install();
    for (let k = 0; k < 200; k++) bench.trapOnce();
    hostTrap();
    if (bench.load(bench.stackTop - 64) !== ExitStatus.done) throw new Error("a good load trapped");
    bench.trapOnce();
    console.log("traps");
    hostTrap();
    console.log("host traps");
  },
  async worker(bench) {
    bench.install();
    bench.trapOnce();
    const worker = new Worker(new URL(import.meta.url), { argv: ["inWorker"] });
    await new Promise<void>((resolve, reject) => {
      worker.on("error", reject);
      worker.on("exit", () => resolve());
    });
    bench.trapOnce();
    console.log("after");
  },
  signature(bench) {
    bench.install();
    const entry = bench.platform.signals!.currentHandler("fault").address;
    const head = new Uint8Array(bench.platform.view(entry - 32, 32));
    const { signature, tableOffset } = bench.target.faults;
    const table = new DataView(head.buffer, 32 + tableOffset, 8).getBigUint64(0, true);
    if (signature.every((b, k) => head[k] === b) && table === BigInt(bench.table)) console.log("found");
  },
  unrecorded(bench) {
    bench.install();
    bench.trapOnce();
    bench.forgetSites();
    console.log("now");
    bench.trapOnce();
  },
  outside(bench) {
    bench.install();
    console.log("now");
    readAt(bench, bench.forbidden);
  },
  outsideDefault(bench) {
    bench.install(0);
    console.log("now");
    readAt(bench, bench.forbidden);
  },
  outsideIgnored(bench) {
    bench.install(1);
    console.log("now");
    readAt(bench, bench.forbidden);
  },
  async sent(bench) {
    bench.install();
    console.log("now");
    process.kill(process.pid, "SIGSEGV");
    await new Promise((resolve) => setTimeout(resolve, 2000));
  },
  async sentDefault(bench) {
    bench.install(0);
    console.log("now");
    process.kill(process.pid, "SIGSEGV");
    await new Promise((resolve) => setTimeout(resolve, 2000));
  },
  async sentIgnored(bench) {
    bench.install(1);
    process.kill(process.pid, "SIGSEGV");
    await new Promise((resolve) => setTimeout(resolve, 50));
    bench.trapOnce();
    console.log("alive");
  },
  inWorker(bench) {
    // A table of its own: the handler in front is this one, behind it the main thread's, then the host's.
    bench.install();
    bench.trapOnce();
    hostTrap();
    console.log("worker");
  },
};

const name = process.argv[2]!;
if (isMainThread || name === "inWorker") await actions[name]!(new FaultBench());
