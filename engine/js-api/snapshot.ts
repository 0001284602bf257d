/** Snapshots of instances. Not in the JS API's specification: no other engine of Node's has them. */
import { Snapshot as RuntimeSnapshot } from "../runtime/snapshot.js";
import { type Instance, runtimeInstanceOf } from "./namespace.js";

/**
 * The state of an instance: its own memory, mutable globals, tables, dropped segments. It can hold everything that the
 * plugin held, secrets included. What the instance imports isn't part of it.
 *
 * @example
 * const image = Snapshot.of(instance);
 * instance.exports.run();
 * image.restore(instance); // as before `run`
 * const other = Snapshot.fromBytes(image.toBytes()); // perhaps in another process, for an instance of the same module
 */
export class Snapshot {
  private constructor(private readonly state: RuntimeSnapshot) {}

  /**
   * Errors: SnapshotError while calls run or are parked in the instance (or one it is linked with), and where it holds
   * values of the host's or functions of other modules; TypeError for what isn't an Instance.
   */
  static of(instance: Instance): Snapshot {
    return new Snapshot(RuntimeSnapshot.capture(runtimeInstanceOf(instance, "Snapshot.of()")));
  }

  /** Errors: SnapshotError for bytes that aren't a whole snapshot. */
  static fromBytes(bytes: Uint8Array): Snapshot {
    return new Snapshot(RuntimeSnapshot.fromBytes(bytes));
  }

  /** In a format of its own, described in `engine/runtime/snapshot.ts`; the module isn't named in it. */
  toBytes(): Uint8Array {
    return this.state.toBytes();
  }

  /**
   * Puts an instance of the same module back in this state. Errors: SnapshotError, and nothing is changed: calls run or
   * are parked in it, it is of another module, its memory or a table has grown beyond (they can't shrink).
   */
  restore(instance: Instance): void {
    this.state.restore(runtimeInstanceOf(instance, "Snapshot.restore()"));
  }
}
