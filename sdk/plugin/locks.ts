/**
 * Keeps steps apart that concern the same plugins: linking, reloading, closing. Each takes all the plugins it
 * concerns at once, or waits without holding any, so no two can wait for each other.
 */
export class Locks<T> {
  private readonly held = new Set<T>();
  private waiting: (() => void)[] = [];

  /** @param wanted asked again each time the step might begin, since what it concerns can change while it waits */
  async run<R>(wanted: () => Iterable<T>, step: () => Promise<R>): Promise<R> {
    let items = [...wanted()];
    while (items.some((item) => this.held.has(item))) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
      items = [...wanted()];
    }
    for (const item of items) this.held.add(item);
    try {
      return await step();
    } finally {
      for (const item of items) this.held.delete(item);
      const { waiting } = this;
      this.waiting = [];
      for (const wake of waiting) wake();
    }
  }
}
