/** Figures that the pages promise, at sizes for every run; by hand `node dist/sdk/test/figures/NAME.js` runs the full ones. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import test from "ava";
import { countThroughReloads } from "./figures/counter.js";
import type { CycleFigures } from "./figures/load-dispose.js";
import { reloadUnderLoad } from "./figures/reload-under-load.js";

test.serial("reloads under load: none lost, none failed, none answered by two generations", async (t) => {
  const figures = await reloadUnderLoad({ calls: 2000, callers: 50, reloads: 20 });
  t.is(figures.answered, 2000);
  t.is(figures.failed, 0);
  t.is(figures.mixed, 0);
  t.is(figures.generations, 21);
});

test.serial("a counter's total is exact through hand-overs under load", async (t) => {
  const figures = await countThroughReloads({ calls: 2000, callers: 50, reloads: 20 });
  t.deepEqual(figures, { count: 2000, handedOver: 20 });
});

test.serial("loading and disposing leaves nothing", (t) => {
  t.timeout(300_000);
  const script = fileURLToPath(new URL("figures/load-dispose.js", import.meta.url));
  const output = execFileSync(process.execPath, [script, "1000", "2000", "4"], { encoding: "utf8" });
  const { resident, heap } = JSON.parse(output) as CycleFigures;
  t.true(resident <= 1024, `${resident} bytes of resident memory a cycle`);
  t.true(heap <= 512, `${heap} bytes of objects a cycle`);
});
