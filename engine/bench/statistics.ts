// Medians and spreads. Enters: numbers, at least one.

/** The value at a share of the sorted list, between neighbours by straight line. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] as number;
  const above = sorted[Math.ceil(place)] as number;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * An interval that has the median of what the values were drawn from in it, at 95 % or more; with fewer than six values, all
 * of them. Order statistics: how many values lie below the median is binomial.
 */
export function medianInterval(values: readonly number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  let below = 0;
  let chance = 0.5 ** count;
  for (let outside = chance; outside <= 0.025 && below < count / 2; outside += chance) {
    below++;
    chance *= (count - below + 1) / below;
  }
  const first = Math.max(0, below - 1);
  return [sorted[first] as number, sorted[count - 1 - first] as number];
}

/** Half the distance between the quartiles, as a share of the median. */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  return middle === 0 ? 0 : (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / Math.abs(middle);
}

/** The geometric mean of positive numbers. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
