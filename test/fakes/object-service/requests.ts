import type { IncomingMessage } from "node:http";
import { Refusal } from "./bucket.ts";
import type { Operation } from "./faults.ts";
import type { Signed } from "./signatures.ts";

export interface Asked extends Signed {
  /** Of the object; `*` for another bucket. */
  readonly name: string;
  readonly operation: Operation;
  readonly fields: ReadonlyMap<string, string>;
}

/** @param cname the server's name stands for the bucket, which is not in the path */
export async function readRequest(request: IncomingMessage, bucket: string, cname: boolean): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method = "", headers, url = "" } = request;
  const [path = "", search = ""] = url.split("?");
  const query = [...new URLSearchParams(search)] as const;
  const fields = new Map(query);
  const [first, ...rest] = path.slice(1).split("/");
  const name = cname ? path.slice(1) : first === bucket ? rest.join("/") : "*";
  const asked = { method, path, query, headers, body: Buffer.concat(chunks), name: decodeURIComponent(name), fields };
  return { ...asked, operation: operationOf(asked) };
}

function operationOf({ method, name, fields, headers }: Omit<Asked, "operation">): Operation {
  if (fields.get("Action") === "AssumeRoleWithOIDC") return "sts";
  const isUpload = fields.has("uploadId");
  switch (method) {
    case "HEAD":
      return "head";
    case "GET":
      if (isUpload) return "parts";
      if (fields.has("uploads")) return "uploads";
      return name === "" ? "list" : "get";
    case "PUT":
      if (!isUpload) return "put";
      return Object.keys(headers).some((header) => header.endsWith("-copy-source")) ? "copy" : "part";
    case "POST":
      return fields.has("uploads") ? "begin" : "complete";
    case "DELETE":
      return isUpload ? "abort" : "delete";
    default:
      throw new Refusal(405, "MethodNotAllowed");
  }
}
