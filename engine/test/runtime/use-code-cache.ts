/** Run by code-cache.test: calls a function of a module with a cache, and leaves writing it to the process's end. */
import { readFileSync } from "node:fs";
import { CodeCache, createNamespace } from "../../index.js";

const [folder, file, name] = process.argv.slice(2);
const cache = new CodeCache({ folder });
const { Module, Instance } = createNamespace({ cache });
const instance = new Instance(new Module(readFileSync(file)));
const result = (instance.exports[name] as () => unknown)();
const { hits, functionsRead, functionsCompiled } = cache.stats();
console.log(JSON.stringify({ result, hits, functionsRead, functionsCompiled }));
