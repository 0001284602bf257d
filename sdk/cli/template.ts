/** The files that `backplane init` writes, by path. */

/**
 * @param name the application's
 * @param dependency where npm finds backplane
 */
export function applicationFiles(name: string, dependency: string): Readonly<Record<string, string>> {
  return {
    "package.json": `${JSON.stringify(manifest(name, dependency), null, 2)}\n`,
    "tsconfig.json": `${JSON.stringify(tsconfig, null, 2)}\n`,
    ".gitignore": "node_modules/\ndist/\nplugins/*.wasm\ngreeter/bindings.ts\n",
    "src/host-modules.ts": hostModules,
    "src/main.ts": main,
    "src/welcome.ts": welcome,
    "src/welcome.test.ts": test,
    "greeter/index.ts": entry,
    "greeter/plugin.ts": plugin,
    "plugins/greeter.plugin.json": `${JSON.stringify(pluginManifest, null, 2)}\n`,
    "README.md": readme(name),
  };
}

function manifest(name: string, dependency: string): object {
  return {
    name,
    private: true,
    type: "module",
    scripts: {
      build:
        "tsc && backplane bindings dist/host-modules.js --out greeter/bindings.ts && " +
        "asc greeter/index.ts --outFile plugins/greeter.wasm --optimize --use abort=",
      start: "npm run -s build && node dist/main.js",
      // The shell finds the files: a folder is enough for Node 20 only, a pattern for Node 21 and later.
      test: "npm run -s build && node --test dist/*.test.js",
    },
    dependencies: { backplane: dependency },
    devDependencies: { "@types/node": "^20.19.43", assemblyscript: "^0.28.20", typescript: "^6.0.3" },
  };
}

const tsconfig = {
  compilerOptions: {
    target: "es2022",
    module: "nodenext",
    types: ["node"],
    strict: true,
    experimentalDecorators: true,
    skipLibCheck: true,
    rootDir: "src",
    outDir: "dist",
  },
  include: ["src"],
};

const pluginManifest = { name: "greeter", version: "1.0.0", requests: { modules: ["app"] } };

const hostModules = `/**
 * What plugins may import, and what this application expects of them. \`backplane bindings\` reads this file: it should
 * do nothing but declare.
 */
import { defineHostModule, describe, fn } from "backplane";

const greetings = new Map([
  ["en", "Hello"],
  ["fr", "Bonjour"],
]);

export const app = defineHostModule("app", {
  /** How one greets in a language, or null. */
  greeting: [fn(["string"], "string?"), (language) => greetings.get(language) ?? null],
});

export const Greeter = describe({
  /** A greeting of somebody, in a language. */
  greet: fn(["string", "string"], "string"),
});
`;

const welcome = `/** The application proper: it knows that there is a plugin named "greeter", not what it is made of. */
import type { PluginHost } from "backplane";
import { Greeter } from "./host-modules.js";

export async function welcome(host: PluginHost, name: string): Promise<string[]> {
  const greeter = await host.plugin("greeter", Greeter);
  return [await greeter.greet(name, "en"), await greeter.greet(name, "fr"), await greeter.greet(name, "tlh")];
}
`;

const main = `import { fileURLToPath } from "node:url";
import { PluginHost } from "backplane";
import { app } from "./host-modules.js";
import { welcome } from "./welcome.js";

const plugins = fileURLToPath(new URL("../plugins", import.meta.url));
const host = await PluginHost.start({ plugins, modules: [app] });
for (const [name, error] of host.failures) console.error(\`\${name} isn't loaded:\`, error);
for (const line of await welcome(host, "Ada")) console.log(line);
await host.close();
`;

const test = `import assert from "node:assert/strict";
import test from "node:test";
import { fakePlugin, testHost } from "backplane/testing";
import { Greeter } from "./host-modules.js";
import { welcome } from "./welcome.js";

test("welcomes in three languages, whatever the plugin says", async () => {
  const greeter = fakePlugin(Greeter, { greet: async (name, language) => \`\${language}: \${name}\` });
  const host = await testHost({ plugins: { greeter } });
  assert.deepEqual(await welcome(host, "Bob"), ["en: Bob", "fr: Bob", "tlh: Bob"]);
  await host.close();
});
`;

const entry = `// What the host sees of this plugin. Its functions are in plugin.ts.
export { backplane_alloc, backplane_free, greet } from "./bindings";
`;

const plugin = `import { app } from "./bindings";

export function greet(name: string, language: string): string {
  const greeting = app.greeting(language);
  return (greeting === null ? "Hi" : greeting) + ", " + name + "!";
}
`;

function readme(name: string): string {
  return `# ${name}

\`\`\`sh
npm install
npm start
npm test
\`\`\`

| folder | what is in it |
|---|---|
| \`src/\` | the application, in TypeScript |
| \`greeter/\` | a plugin, in AssemblyScript; \`bindings.ts\` is written by \`backplane bindings\` |
| \`plugins/\` | what is loaded: the built plugin and its manifest |
`;
}
