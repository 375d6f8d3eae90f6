import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Environment } from "../settings.ts";

/** What the SDK asks of the HTTP client it is given. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
  readonly content?: Uint8Array | string | undefined;
  readonly stream?: Uint8Array | undefined;
  /** Give a good answer's body as stream. */
  readonly customResponse?: boolean | undefined;
  readonly ctx?: Exchange | undefined;
}

/** What travels with a request through the SDK, which makes one kind of error of all that can happen. */
export interface Exchange {
  readonly signal: AbortSignal | undefined;
  answer?: HttpAnswer;
  error?: unknown;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly data: Buffer | undefined;
  /** With `customResponse`, the body. */
  readonly res: IncomingMessage;
}

/** Milliseconds without a byte in either direction. */
const IDLE = 60_000;
/** Answers other than objects are smaller: a thousand names of the longest kind, encoded. */
const MAX_ANSWER = 16 * 1024 * 1024;

/**
 * An HTTP client for the SDK in place of its own: that one cannot be stopped, and counts the time of a whole upload against
 * one limit. Here a request ends when its signal aborts, or when nothing moves for a minute.
 */
export function createOssHttp(env: Environment) {
  const options = { keepAlive: true, maxSockets: 64, proxyEnv: { ...env } };
  const [http, https] = [new HttpAgent(options), new HttpsAgent(options)];
  return {
    async request(url: string, params: HttpRequest): Promise<HttpAnswer> {
      const { ctx } = params;
      const isHttps = url.startsWith("https:");
      try {
        const response = isHttps ? send(httpsRequest, url, params, https) : send(httpRequest, url, params, http);
        const answer = await answerOf(await response, params);
        if (ctx) ctx.answer = answer;
        return answer;
      } catch (error) {
        if (ctx) ctx.error = error;
        throw error;
      }
    },
  };
}

async function answerOf(res: IncomingMessage, { customResponse = false }: HttpRequest): Promise<HttpAnswer> {
  const status = res.statusCode ?? 0;
  const isStream = customResponse && status < 300;
  return { status, headers: res.headers, data: isStream ? undefined : await readAnswer(res), res };
}

function send(
  start: typeof httpRequest,
  url: string,
  { method, headers, content, stream, ctx }: HttpRequest,
  agent: HttpAgent,
): Promise<IncomingMessage> {
  const signal = ctx?.signal;
  const body = stream ?? content;
  const options: RequestOptions = { method, agent, timeout: IDLE, headers: sentHeaders(headers, body) };
  return new Promise((resolve, reject) => {
    const request = start(url, options, resolve);
    request.on("error", reject);
    request.on("timeout", () => request.destroy(new Error(`nothing moved for ${IDLE / 1000} seconds`)));
    if (signal !== undefined) {
      const onAbort = (): void => void request.destroy(new Error("stopped"));
      signal.addEventListener("abort", onAbort, { once: true });
      request.on("close", () => signal.removeEventListener("abort", onAbort));
      if (signal.aborted) onAbort();
    }
    request.end(body);
  });
}

function sentHeaders(headers: HttpRequest["headers"], body: Uint8Array | string | undefined): Record<string, string> {
  const sent: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    // For endpoints that are addresses, the SDK invents a host.
    if (value !== undefined && name.toLowerCase() !== "host") sent[name] = String(value);
  }
  if (body !== undefined) sent["Content-Length"] = String(Buffer.byteLength(body));
  return sent;
}

async function readAnswer(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER) throw new Error(`the answer is larger than ${MAX_ANSWER} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
