/**
 * The events of a plugin host, typed; the same on `node:diagnostics_channel`, for tools that aren't part of the
 * application.
 *
 * eventemitter3 rethrows what a listener throws into `emit`. Here a listener that throws or rejects is reported
 * instead, and the other listeners and the step that emitted go on: a lifecycle must not depend on who looks on.
 *
 * Each event is published on the channel `backplane.plugin.EVENT`. Loading, reloading and calling are tracing
 * channels as well: `tracing:backplane.load:start` and so on, with `backplane.reload` and `backplane.call`.
 */
import { channel, tracingChannel } from "node:diagnostics_channel";
import { EventEmitter } from "eventemitter3";
import type { LogLevel } from "./plugin/guest-log.js";
import type { Plugin } from "./plugin/plugin.js";

/** What every event tells. */
export interface PluginEvent {
  readonly name: string;
  readonly plugin: Plugin;
}

export interface PluginFailure extends PluginEvent {
  readonly error: unknown;
}

/** The events of a host, with what a listener gets. All have the plugin and its name. */
export interface PluginHostEvents {
  /** A plugin of those named at the start is done, well or not. */
  progress: [event: PluginEvent & { readonly done: number; readonly total: number }];
  loading: [event: PluginEvent];
  /** Its module is compiled and checked, its instances exist. */
  loaded: [event: PluginEvent & { readonly generation: number }];
  /** It takes calls. Comes after `loaded` and after `reloaded` and `reloadFailed`. */
  ready: [event: PluginEvent & { readonly generation: number }];
  /** It takes no more calls and those running are waited for. */
  draining: [event: PluginEvent];
  reloading: [event: PluginEvent & { readonly generation: number }];
  reloaded: [event: PluginEvent & { readonly generation: number; readonly handOver: boolean }];
  /** The old generation goes on serving. */
  reloadFailed: [event: PluginFailure & { readonly generation: number }];
  stopped: [event: PluginEvent];
  /** A plugin that could not be loaded; the others are not affected. */
  failed: [event: PluginFailure];
  trap: [event: PluginFailure & { readonly export: string }];
  /** Calls are refused for `backoff` milliseconds. */
  circuitOpen: [event: PluginEvent & { readonly backoff: number }];
  circuitClosed: [event: PluginEvent];
  /** A line that the plugin logged through the built-in host module. */
  log: [event: PluginEvent & { readonly level: LogLevel; readonly message: string }];
}

/** The names of the events. */
export type PluginHostEventName = keyof PluginHostEvents;
type Listener<E extends PluginHostEventName> = EventEmitter.EventListener<PluginHostEvents, E>;
type AnyFunction = (...args: unknown[]) => unknown;

/** What the tracing channels carry. */
export interface TracedStep {
  readonly plugin: string;
  readonly export?: string;
}

export const loadChannel = tracingChannel<unknown, TracedStep>("backplane.load");
export const reloadChannel = tracingChannel<unknown, TracedStep>("backplane.reload");
export const callChannel = tracingChannel<unknown, TracedStep>("backplane.call");

export abstract class HostEvents extends EventEmitter<PluginHostEvents> {
  private readonly guards = new WeakMap<AnyFunction, AnyFunction>();

  /** Told of what a listener threw or rejected with. */
  protected abstract listenerFailed(event: string, error: unknown): void;

  override on<E extends PluginHostEventName>(event: E, listener: Listener<E>, context?: unknown): this {
    return super.on(event, this.guarded(event, listener), context);
  }

  /** The same as `on`. */
  override addListener<E extends PluginHostEventName>(
    event: E,
    listener: Listener<E>,
    context?: unknown,
  ): this {
    return this.on(event, listener, context);
  }

  override once<E extends PluginHostEventName>(event: E, listener: Listener<E>, context?: unknown): this {
    return super.once(event, this.guarded(event, listener), context);
  }

  /** Takes a listener away, or all of an event. */
  override off<E extends PluginHostEventName>(
    event: E,
    listener?: Listener<E>,
    context?: unknown,
    once?: boolean,
  ): this {
    const guard = listener && (this.guards.get(listener as AnyFunction) as Listener<E> | undefined);
    return super.off(event, guard ?? listener, context, once);
  }

  override removeListener<E extends PluginHostEventName>(
    event: E,
    listener?: Listener<E>,
    context?: unknown,
    once?: boolean,
  ): this {
    return this.off(event, listener, context, once);
  }

  /** Emits, and publishes on the event's diagnostics channel. */
  protected announce<E extends PluginHostEventName>(
    event: E,
    ...args: EventEmitter.EventArgs<PluginHostEvents, E>
  ): void {
    const published = channel(`backplane.plugin.${event}`);
    if (published.hasSubscribers) published.publish(args[0]);
    this.emit(event, ...args);
  }

  private guarded<E extends PluginHostEventName>(event: E, listener: Listener<E>): Listener<E> {
    const target = listener as AnyFunction;
    const known = this.guards.get(target);
    if (known !== undefined) return known as Listener<E>;
    const report = (error: unknown): void => this.listenerFailed(event, error);
    const guard = function (this: unknown, ...args: unknown[]): void {
      try {
        const result = target.apply(this, args);
        if (result instanceof Promise) result.catch(report);
      } catch (error) {
        report(error);
      }
    };
    this.guards.set(target, guard);
    return guard as Listener<E>;
  }
}
