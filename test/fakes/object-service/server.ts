import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { Bucket, md5, Refusal } from "./bucket.ts";
import { Faults } from "./faults.ts";
import { type Answer, operations } from "./operations.ts";
import { type Asked, readRequest } from "./requests.ts";
import { type Keys, verifyOss, verifyS3 } from "./signatures.ts";
import { Sts, type StsOptions } from "./sts.ts";
import { toXml } from "./xml.ts";

export interface ObjectServiceOptions {
  readonly kind: "oss" | "s3";
  /** The server's name stands for the bucket: it is not in the path. */
  readonly cname?: boolean;
  readonly sts?: StsOptions;
}

/** A server that speaks the protocol of OSS or S3, holds one bucket in memory, and checks every signature. */
export interface FakeObjectService extends AsyncDisposable {
  readonly kind: "oss" | "s3";
  readonly endpoint: string;
  readonly bucket: string;
  /** A key that counts, besides those that the STS gives. */
  readonly keys: Keys;
  readonly held: Bucket;
  readonly faults: Faults;
  readonly sts: Sts;
  /** What was asked for by somebody who may, in order: `part a/b 3`. */
  readonly log: string[];
  /** Told of each line of the log before it is acted on. */
  onRequest: ((line: string) => void) | undefined;
}

/** Parts must have so many bytes: https://help.aliyun.com/en/oss/developer-reference/completemultipartupload */
const MIN_PART = { oss: 100 * 1024, s3: 5 * 1024 * 1024 };

export async function startObjectService(options: ObjectServiceOptions): Promise<FakeObjectService> {
  const { kind, cname = false } = options;
  const bucket = "releases";
  const keys = { accessKeyId: "LTAItest", accessKeySecret: "secret+of/test" };
  const held = new Bucket(MIN_PART[kind], kind);
  const faults = new Faults();
  const sts = new Sts(options.sts);
  const log: string[] = [];
  const verify = kind === "oss" ? verifyOss : verifyS3;
  const keyOf = (id: string): Keys | undefined => (id === keys.accessKeyId ? keys : sts.key(id));

  const check = (asked: Asked): void => {
    const problem = verify(asked, bucket, keyOf);
    if (problem !== undefined) throw new Refusal(403, problem);
    if (asked.name === "*") throw new Refusal(404, "NoSuchBucket");
    const sum = asked.headers["content-md5"];
    if (sum !== undefined && Buffer.from(md5(asked.body), "hex").toString("base64") !== sum) {
      throw new Refusal(400, "InvalidDigest");
    }
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = await readRequest(request, bucket, cname);
    const { operation, name, fields } = asked;
    const fault = faults.next(operation);
    if (fault?.kind === "slow") await wait(fault.milliseconds);
    if (fault?.kind === "reset") throw new Error("reset");
    if (fault?.kind === "status") {
      if (fault.retryAfter) response.setHeader("retry-after", fault.retryAfter);
      throw new Refusal(fault.status, fault.code);
    }
    if (operation === "sts") {
      sts.answer(asked, response);
      return;
    }
    check(asked);
    const line = `${operation} ${name} ${fields.get("partNumber") ?? ""}`.trimEnd();
    log.push(line);
    server.onRequest?.(line);
    const answer = operations[operation]({ kind, bucket, held }, asked, fault?.kind);
    if (fault?.kind === "lost answer") throw new Error("lost");
    send(response, answer, asked, fault?.kind === "cut");
  };

  const http = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (error instanceof Refusal) sendError(response, error, request.method === "HEAD");
      else request.socket.destroy();
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const server: FakeObjectService = {
    ...{ kind, endpoint, bucket, keys, held, faults, sts, log },
    onRequest: undefined,
    async [Symbol.asyncDispose]() {
      if (!http.listening) return;
      http.close();
      http.closeAllConnections();
      await once(http, "close");
    },
  };
  return server;
}

function send(response: ServerResponse, answer: Answer, { method }: Asked, isCut: boolean): void {
  const { status = 200, headers = {}, xml, body = Buffer.from(xml ? toXml(...xml) : "") } = answer;
  response.writeHead(status, { ...headers, ...(status !== 204 && { "content-length": body.byteLength }) });
  if (method === "HEAD") response.end();
  else if (isCut) response.write(body.subarray(0, Math.ceil(body.byteLength / 2)), () => response.socket?.destroy());
  else response.end(body);
}

function sendError(response: ServerResponse, { status, code }: Refusal, isHead: boolean): void {
  const text = toXml("Error", { Code: code, Message: "no", RequestId: "5C3D9175B6FC201293AD", HostId: "test" });
  // OSS tells it in a header where there is no body.
  const header = isHead ? { "x-oss-err": Buffer.from(text).toString("base64") } : {};
  response.writeHead(status, { "content-type": "application/xml", ...header });
  response.end(isHead ? undefined : text);
}
