/**
 * For the tests of applications: hosts and plugins without files, host functions called through their marshalling,
 * time that stands still until it is moved.
 *
 * @module
 */
export type { Clock } from "../clock.js";
export { FakeClock } from "./fake-clock.js";
export { type FakeCall, type FakePlugin, fakePlugin } from "./fake-plugin.js";
export {
  callHostFunction,
  callHostFunctionWith,
  type HostFunctionCall,
  type TestHostOptions,
  type TestPlugin,
  testHost,
} from "./host.js";
