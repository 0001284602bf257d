import test from "ava";
import { parseDebugOptions } from "../../debug.js";

test("nothing set, nothing asked for", (t) => {
  const options = parseDebugOptions({});
  t.is(options.dumps.size, 0);
  t.is(options.off.size, 0);
  t.is(options.dumpFunction, -1);
  t.false(options.time || options.verify);
});

test("stages, function, switches", (t) => {
  const options = parseDebugOptions({
    BACKPLANE_DUMP: "ssa, gvn,asm:func=12",
    BACKPLANE_OFF: "gvn,licm",
    BACKPLANE_TIME: "1",
    BACKPLANE_VERIFY: "0",
  });
  t.deepEqual([...options.dumps], ["ssa", "gvn", "asm"]);
  t.is(options.dumpFunction, 12);
  t.deepEqual([...options.off], ["gvn", "licm"]);
  t.true(options.time);
  t.false(options.verify);
});

test("a filter that isn't one is refused", (t) => {
  t.throws(() => parseDebugOptions({ BACKPLANE_DUMP: "gvn:function=1" }), {
    message: /expected stages and then ":func="/,
  });
});
