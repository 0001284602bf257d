/**
 * What `http_request` does: a request as JSON and a body enter; the response's body leaves, its status and headers are
 * kept for the plugin to ask for. Hosts are checked before each request that is sent, those of redirections too.
 *
 * Source: Extism's manifest, "allowed_hosts"; Fetch Standard, "HTTP-redirect fetch".
 */
import { HostError, messageOf } from "../../errors.js";
import { hostMatcher } from "./host-patterns.js";

export interface HttpGrant {
  /** Names or patterns; see `host-patterns.ts`. */
  readonly hosts: readonly string[];
  /** A larger response ends the plugin's call. */
  readonly maxResponseBytes: number;
  /** Whether the plugin may read the headers of responses. */
  readonly headers: boolean;
  readonly fetch: typeof fetch;
}

export const defaultMaxResponseBytes = 50 * 1024 * 1024;
const maxRedirects = 5;
const redirections: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Not to be told to another host than the one they were meant for. */
const confidential: readonly string[] = ["authorization", "cookie", "proxy-authorization"];

interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

function failure(text: string, cause?: unknown): HostError {
  const options = cause === undefined ? undefined : { cause };
  return new HostError(`extism:host/env.http_request: ${text}`, options);
}

/** Errors: HostError. */
function parseRequest(text: string, body: Uint8Array | undefined): HttpRequest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw failure(`the request isn't JSON: ${messageOf(cause)}`, cause);
  }
  if (typeof value !== "object" || value === null) throw failure("the request is no object");
  const { url, method, headers, header } = value as Record<string, unknown>;
  const verb = method ?? "GET";
  if (typeof url !== "string" || !URL.canParse(url)) {
    throw failure(`Invalid URL: ${JSON.stringify(url)?.slice(0, 200)}`);
  }
  if (typeof verb !== "string") throw failure("the request's method is no text");
  const fields = headers ?? header ?? {};
  if (typeof fields !== "object" || !Object.values(fields).every((field) => typeof field === "string")) {
    throw failure("the request's headers are no texts by name");
  }
  return { url: new URL(url), method: verb.toUpperCase(), headers: fields as Record<string, string>, body };
}

/** The request that a redirection asks for. */
function redirected(request: HttpRequest, status: number, location: string): HttpRequest {
  if (!URL.canParse(location, request.url.href)) throw failure(`redirected to an invalid URL: ${location}`);
  const url = new URL(location, request.url);
  const { method } = request;
  const becomesGet = (status === 303 && method !== "HEAD") || (status < 303 && method === "POST");
  const dropped = url.origin === request.url.origin ? [] : [...confidential];
  if (becomesGet) dropped.push("content-type", "content-length", "content-encoding");
  const kept = Object.entries(request.headers).filter(([name]) => !dropped.includes(name.toLowerCase()));
  return {
    url,
    method: becomesGet ? "GET" : method,
    headers: Object.fromEntries(kept),
    body: becomesGet ? undefined : request.body,
  };
}

export class HttpClient {
  /** Of the last response; 0 before the first one, and after a request that failed. */
  status = 0;
  /** Of the last response; undefined if the plugin may not read them, or there is none. */
  headers: Readonly<Record<string, string>> | undefined;
  private readonly allows: (host: string) => boolean;

  constructor(private readonly grant: HttpGrant) {
    this.allows = hostMatcher(grant.hosts);
  }

  /** Nothing can be asked: `request` throws before it waits. */
  get isClosed(): boolean {
    return this.grant.hosts.length === 0;
  }

  /**
   * Sends a request. Not a promise as long as it is refused: it throws then.
   *
   * @param text JSON: `url`, `method`, `headers`
   * @param signal aborts it
   * Errors: HostError for what is invalid, not allowed or too large, and for requests that fail.
   */
  request(
    text: string,
    body: Uint8Array | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    this.status = 0;
    this.headers = undefined;
    const request = parseRequest(text, body);
    this.requireAllowed(request.url);
    return this.send(request, signal);
  }

  /** Errors: HostError. Only what is asked of a host over HTTP: `data:` and `blob:` name none. */
  private requireAllowed(url: URL): void {
    const isHttp = url.protocol === "http:" || url.protocol === "https:";
    if (isHttp && this.allows(url.hostname)) return;
    throw failure(`HTTP request to ${url.href.slice(0, 200)} is not allowed`);
  }

  private async send(first: HttpRequest, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    let request = first;
    for (let redirects = 0; ; redirects++) {
      const response = await this.fetch(request, signal);
      const location = redirections.has(response.status) ? response.headers.get("location") : null;
      if (location === null) return this.finish(response, request);
      await response.body?.cancel();
      if (redirects === maxRedirects) throw failure(`more than ${maxRedirects} redirections`);
      request = redirected(request, response.status, location);
      this.requireAllowed(request.url);
    }
  }

  private async fetch({ url, method, headers, body }: HttpRequest, signal?: AbortSignal): Promise<Response> {
    const { fetch } = this.grant;
    const sent = method === "GET" || method === "HEAD" ? undefined : (body as Uint8Array<ArrayBuffer>);
    try {
      return await fetch(url.href, {
        method,
        headers,
        redirect: "manual",
        ...(sent && { body: sent }),
        ...(signal && { signal }),
      });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      const beneath =
        cause instanceof Error && cause.cause !== undefined ? `: ${messageOf(cause.cause)}` : "";
      throw failure(`${url.href.slice(0, 200)}: ${messageOf(cause)}${beneath}`, cause);
    }
  }

  private async finish(response: Response, { url }: HttpRequest): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.bodyOf(response, url);
    this.status = response.status;
    if (this.grant.headers) this.headers = Object.fromEntries(response.headers);
    return bytes;
  }

  /** Never holds more than is allowed and one chunk. */
  private async bodyOf(response: Response, url: URL): Promise<Uint8Array<ArrayBuffer>> {
    const { maxResponseBytes } = this.grant;
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > maxResponseBytes) {
        const text = `HTTP response exceeds the configured maximum number of bytes: ${maxResponseBytes}`;
        throw failure(`${url.href.slice(0, 200)}: ${text}`);
      }
      chunks.push(chunk);
    }
    return new Uint8Array(Buffer.concat(chunks));
  }
}
