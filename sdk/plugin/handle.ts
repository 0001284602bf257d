/**
 * The typed face of a plugin: a method for each export that a description names.
 *
 * A method looks for nothing but the instance that serves the call, so it goes on working after a reload; that the
 * instance has the export was checked when its generation was loaded.
 */
import type { Description, Handle, HandleCallOptions } from "../declare/describe.js";
import type { FunctionSignature, Signatures } from "../declare/signature.js";
import type { CallBody } from "./running-call.js";

/** What a handle needs of a plugin. */
export interface HandleTarget {
  invoke(name: string, body: CallBody, input: unknown, options?: HandleCallOptions): Promise<unknown>;
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
  if (length <= 1) return shortMethod(target, name, signature);
  const body: CallBody = (instance, { input }) =>
    instance.method(name, signature)(...(input as readonly unknown[]));
  return (...args) => target.invoke(name, body, args, args[length] as HandleCallOptions | undefined);
}

/** Without a list of arguments, which most methods don't need. */
function shortMethod(
  target: HandleTarget,
  name: string,
  signature: FunctionSignature,
): (...args: unknown[]) => Promise<unknown> {
  const body: CallBody = (instance, { input }) => instance.method(name, signature)(input);
  if (signature.params.length === 0) {
    return (options) => target.invoke(name, body, undefined, options as HandleCallOptions | undefined);
  }
  return (input, options) => target.invoke(name, body, input, options as HandleCallOptions | undefined);
}
