/** Half a minute of the soak; `node dist/sdk/test/soak/main.js` runs it for half an hour. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";

test("random calls, stops, traps, reloads and disposals: no crash, no leak, no call lost or doubled", async (t) => {
  t.timeout(600_000);
  const seed = Math.floor(Math.random() * 1e9);
  const script = fileURLToPath(new URL("soak/main.js", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, "30", String(seed), "5"]).catch(
    (error: Error & { stdout?: string; stderr?: string }) => {
      throw new Error(`seed ${seed}: ${error.message}\n${error.stdout}\n${error.stderr}`);
    },
  );
  t.regex(stdout, /calls, none lost or doubled/);
  t.log(`seed ${seed}, ${stdout.trim().split("\n").at(-1)}`);
});
