// Run by fetch.test in a child process: serves a page and fetches it with Node's `fetch`, whose HTTP parser is a
// WebAssembly module. Prints what arrived as JSON.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    response.setHeader("x-method", request.method ?? "");
    response.setHeader("content-type", "text/plain; charset=utf-8");
    const body = Buffer.concat(chunks).toString("utf8");
    for (let i = 0; i < 200; i++) response.write(`line ${i} ${request.url} ${body}\n`);
    response.end("end ü");
  });
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const replies: unknown[] = [];
for (let i = 0; i < 3; i++) {
  const init = i === 2 ? { method: "POST", body: "posted ✓".repeat(1000) } : {};
  const reply = await fetch(`${origin}/page?n=${i}`, init);
  const text = await reply.text();
  replies.push([
    reply.status,
    reply.headers.get("x-method"),
    reply.headers.get("content-type"),
    text.length,
    text.slice(-20),
  ]);
}
const many = await Promise.all(
  Array.from({ length: 20 }, async (_, i) => (await (await fetch(`${origin}/many/${i}`)).text()).length),
);
replies.push(many);
process.stdout.write(JSON.stringify(replies));
server.closeAllConnections();
server.close();
