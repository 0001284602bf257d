// Real work with QuickJS (quickjs-emscripten-core on the release-sync variant): programs, exceptions in both
// directions, host callbacks, modules, promises, interrupts, memory limits. Prints a transcript.

import variant from "@jitl/quickjs-wasmfile-release-sync";
import { newQuickJSWASMModuleFromVariant, type QuickJSContext } from "quickjs-emscripten-core";
import { Transcript } from "./transcript.js";

const transcript = new Transcript();
const QuickJS = await newQuickJSWASMModuleFromVariant(
  variant as unknown as Parameters<typeof newQuickJSWASMModuleFromVariant>[0],
);

const programs: [string, string][] = [
  ["arithmetic", "[1/3, 2**53+1, 0.1+0.2, -0, 7%-3, 1e21+'', (123.456).toFixed(2), parseInt('zz',36)]"],
  ["bigint", "(2n**200n + 12345678901234567890n * -3n).toString()"],
  ["sort", "Array.from({length:2000},(_, i)=>(i*7919)%2003).sort((a,b)=>a-b).slice(0,20)"],
  ["strings", "'Straße İstanbul 中文 😀'.toUpperCase().normalize('NFD').split('').reverse().join('').length"],
  ["regexp", "'2024-05-06 x 1999-12-31'.replace(/(?<y>\\d{4})-(?<m>\\d\\d)-(\\d\\d)/gu, '$<m>/$3/$<y>')"],
  ["json", 'JSON.stringify(JSON.parse(\'{"a":[1,2.5e-3,null,{"b":"\\\\u00e9"}]}\'), null, 1)'],
  ["closures", "const f=n=>n<2?n:f(n-1)+f(n-2); f(20)"],
  [
    "classes",
    "class A{#x=3;get x(){return this.#x} static s=5}; class B extends A{get x(){return super.x*A.s}}; new B().x",
  ],
  [
    "generators",
    "function*g(){let i=0;while(true){const r=yield i++;if(r)i=r}}; const it=g(); it.next(); [it.next().value,it.next(40).value,it.next().value]",
  ],
  ["destructuring", "const {a:[,b=9],...rest}={a:[1],c:2,d:3}; ({b,rest})"],
  [
    "map and set",
    "const m=new Map(); for(let i=0;i<500;i++)m.set('k'+i%50,(m.get('k'+i%50)??0)+i); [...m.values()].slice(0,5)",
  ],
  [
    "typed arrays",
    "const f=new Float64Array(8).map((_, i)=>Math.sin(i)); Array.from(new Uint8Array(f.buffer)).reduce((a,b)=>(a*31+b)>>>0,7)",
  ],
  [
    "math",
    "[Math.sin(1),Math.exp(2.5),Math.atan2(1,-3),Math.cbrt(27.1),Math.hypot(1,2,3),Math.fround(1.1),Math.clz32(77)]",
  ],
  ["dates", "new Date(Date.UTC(2024,1,29,12,30,15,123)).toISOString()"],
  ["proxy", "const log=[];const p=new Proxy({},{get:(t,k)=>{log.push(String(k));return 1}});p.a+p.b;log"],
  [
    "primes",
    "let s=new Uint8Array(30000),n=0;for(let i=2;i<s.length;i++){if(s[i])continue;n++;for(let j=i*2;j<s.length;j+=i)s[j]=1};n",
  ],
  ["reference error", "missing.property"],
  ["type error", "null.x"],
  ["syntax error", "let let = 3"],
  ["range error", "new Array(-1)"],
  ["thrown object", "throw {code: 7, inner: [1]}"],
];

function evaluate(context: QuickJSContext, name: string, source: string): void {
  const result = context.evalCode(source, `${name}.js`);
  const handle = result.error ?? result.value;
  const dumped = context.dump(handle) as { name?: string; message?: string };
  transcript.note(
    name,
    result.error && dumped?.name ? { error: dumped.name, message: dumped.message } : dumped,
  );
  handle.dispose();
}

for (const [name, source] of programs) {
  const context = QuickJS.newContext();
  evaluate(context, name, source);
  context.dispose();
}

const runtime = QuickJS.newRuntime();
runtime.setMaxStackSize(20_000);
const context = runtime.newContext();
let calls = 0;
const callback = context.newFunction("callHost", (...handles) => {
  calls++;
  const values = handles.map((handle) => context.dump(handle) as number);
  if (values[0] === 13) throw new Error("the host refuses 13");
  return context.newNumber(values.reduce((sum, value) => sum + value, 0));
});
context.setProp(context.global, "callHost", callback);
evaluate(context, "recursion", "(function f(){return f()+1})()");
evaluate(context, "host calls", "let t=0;for(let i=20;i<1020;i++)t+=callHost(i,1,2);t");
evaluate(context, "host error", "try{callHost(13)}catch(e){e.name+': '+e.message}");
evaluate(context, "host error uncaught", "callHost(13)");
transcript.note("calls", calls);

const reenter = context.newFunction("again", (depth) => {
  const n = context.getNumber(depth);
  const inner = context.unwrapResult(context.evalCode(n > 0 ? `again(${n - 1}) + 1` : "100"));
  return inner;
});
context.setProp(context.global, "again", reenter);
evaluate(context, "re-entrance", "again(12)");

const deferred = context.newPromise();
context.setProp(context.global, "later", deferred.handle);
evaluate(context, "promise", "globalThis.seen=[];later.then(v=>seen.push('got '+v));seen.push('first');1");
deferred.resolve(context.newString("value"));
transcript.note("jobs", runtime.executePendingJobs().error === undefined);
evaluate(context, "after jobs", "seen");

runtime.setModuleLoader(
  (name) => `export const name = ${JSON.stringify(name)}; export default (x) => x * 2;`,
);
const moduleResult = context.evalCode(
  "import twice, {name} from 'pair'; globalThis.fromModule = [twice(21), name]",
  "main.js",
  { type: "module" },
);
context.unwrapResult(moduleResult).dispose();
runtime.executePendingJobs();
evaluate(context, "module", "fromModule");

let budget = 20;
runtime.setInterruptHandler(() => budget-- <= 0);
evaluate(context, "interrupted", "for(;;){}");
runtime.removeInterruptHandler();
runtime.setMemoryLimit(2_000_000);
evaluate(context, "memory limit", "const a=[];for(;;)a.push('x'.repeat(1000)+a.length)");
runtime.setMemoryLimit(-1);
evaluate(context, "alive after limits", "'still ' + 'here'");
for (const handle of [callback, reenter, deferred.handle]) if (handle.alive) handle.dispose();
context.dispose();
runtime.dispose();
transcript.finish();
