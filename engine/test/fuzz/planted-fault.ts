/**
 * An engine with a known fault, to prove that the tools notice faults.
 *
 * In: a namespace and two opcodes of one signature. Out: a namespace that runs the second wherever a module says
 * the first.
 */

import { decodeBody, encodeBody, type Instruction, replaceBodies } from "../support/decode-body.js";
import { inspectModule } from "../support/inspect-module.js";
import type { Namespace } from "../support/namespace.js";

function swapOpcode(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const shape = inspectModule(bytes);
  const swap = (instruction: Instruction): Instruction =>
    instruction.opcode === from
      ? { ...instruction, opcode: to, bytes: Uint8Array.of(to, ...instruction.bytes.subarray(1)) }
      : instruction;
  const bodies = shape.bodies.map((range) => {
    const body = decodeBody(bytes, range);
    return encodeBody({ locals: body.locals, instructions: body.instructions.map(swap) });
  });
  return replaceBodies(bytes, shape, bodies);
}

/** `namespace`, but `from` does what `to` should; both opcodes of one byte. */
export function plantFault(namespace: Namespace, from: number, to: number): Namespace {
  const Module = class extends namespace.Module {
    constructor(bytes: Uint8Array) {
      super(swapOpcode(bytes, from, to));
    }
  };
  return {
    Module,
    Instance: namespace.Instance,
    Memory: namespace.Memory,
    Table: namespace.Table,
    Global: namespace.Global,
    validate: (bytes) => namespace.validate(bytes),
    CompileError: namespace.CompileError,
    LinkError: namespace.LinkError,
    RuntimeError: namespace.RuntimeError,
  };
}
