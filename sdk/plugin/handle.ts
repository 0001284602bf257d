/**
 * The typed face of a plugin: a method for each export that a description names.
 *
 * A method looks for nothing but the instance that serves the call, so it goes on working after a reload; that the
 * instance has the export was checked when its generation was loaded.
 */
import type { Description, Handle, HandleCallOptions } from "../declare/describe.js";
import type { FunctionSignature, Signatures } from "../declare/signature.js";
import type { CallBody } from "./call-runner.js";

/** What a handle needs of a plugin. */
export interface HandleTarget {
  invoke(name: string, body: CallBody, options?: HandleCallOptions): Promise<unknown>;
}

export function handleOf<T extends Signatures>(target: HandleTarget, description: Description<T>): Handle<T> {
  const methods = Object.entries<FunctionSignature>(description.signatures).map(([name, signature]) => [
    name,
    methodOf(target, name, signature),
  ]);
  return Object.freeze(Object.fromEntries(methods)) as unknown as Handle<T>;
}

function methodOf(
  target: HandleTarget,
  name: string,
  signature: FunctionSignature,
): (...args: unknown[]) => Promise<unknown> {
  const { length } = signature.params;
  return (...args) => {
    const options = args[length] as HandleCallOptions | undefined;
    return target.invoke(name, (instance) => instance.method(name, signature)(...args), options);
  };
}
