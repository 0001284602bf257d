// Prints what marshalling costs (marshalling.ts). Usage: node dist/sdk/bench/main.js [ROUNDS]

import { marshallingCosts } from "./marshalling.js";

const costs = await marshallingCosts(Number(process.argv[2] ?? 400));
console.log(`${"".padEnd(46)}${"best".padStart(8)}${"median".padStart(8)}  ns`);
for (const [name, { best, median }] of costs) {
  const figures = [best, median].map((figure) => figure.toFixed(0).padStart(8));
  console.log(name.padEnd(46) + figures.join(""));
}
