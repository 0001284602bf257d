/**
 * Loaded before a program (`node --import`): from then on the process is one of the system that PRETEND names, as far as the
 * engine can tell.
 */
import { createRequire, Module } from "node:module";
import { isMainThread } from "node:worker_threads";
import { amd64 } from "../../isa/amd64/index.js";
import type { IKoffi } from "../../platform/koffi.js";
import { linuxPlatform } from "../../platform/linux.js";
import { pretendDarwin } from "./pretend-darwin.js";
import { pretendWindows } from "./pretend-windows.js";

const system = process.env.PRETEND;
const real = createRequire(import.meta.url)("koffi") as IKoffi;
const linux = linuxPlatform(real, amd64);
const koffi = system === "win32" ? pretendWindows(real, linux) : pretendDarwin(real, linux).koffi;

type Load = (request: string, ...more: unknown[]) => unknown;
const loader = Module as unknown as { _load: Load };
const load = loader._load;
if (isMainThread) {
  loader._load = (request, ...more) => (request === "koffi" ? koffi : load(request, ...more));
  Object.defineProperty(process, "platform", { value: system });
}
