import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Keys, Signed } from "./signatures.ts";

export interface StsOptions {
  /** Which token of a service account counts now. */
  readonly token: () => string;
  readonly roleArn: string;
  readonly providerArn: string;
  /** Milliseconds that given keys live. */
  readonly life?: number;
}

/** AssumeRoleWithOIDC: https://api.aliyun.com/document/Sts/2015-04-01/AssumeRoleWithOIDC */
export class Sts {
  /** Keys given, the last one last. */
  readonly given: (Keys & { readonly ends: number })[] = [];
  readonly #options: StsOptions | undefined;

  constructor(options: StsOptions | undefined) {
    this.#options = options;
  }

  key(id: string): Keys | undefined {
    return this.given.find(({ accessKeyId, ends }) => accessKeyId === id && ends > Date.now());
  }

  /** No key that was given counts any more. */
  revoke(): void {
    for (let index = 0; index < this.given.length; index++) this.given[index] = { ...this.given[index]!, ends: 0 };
  }

  answer({ method, query, headers, body }: Signed, response: ServerResponse): void {
    const fields = new Map([...query, ...new URLSearchParams(body.toString())]);
    const isPlain = method === "POST" && headers.authorization === undefined;
    const problem = isPlain ? this.#problem(fields) : ([400, "InvalidAction"] as const);
    if (problem === undefined) {
      this.#give(response);
      return;
    }
    const [status, Code] = problem;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ RequestId: "x", HostId: "sts", Code, Message: "no" }));
  }

  #problem(fields: ReadonlyMap<string, string>): readonly [status: number, code: string] | undefined {
    const known = this.#options;
    if (fields.get("Version") !== "2015-04-01" || fields.get("Format") !== "JSON") return [400, "NoSuchVersion"];
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(fields.get("Timestamp") ?? "")) return [400, "InvalidTimeStamp"];
    if (!(Number(fields.get("DurationSeconds")) >= 900)) return [400, "InvalidParameter.DurationSeconds"];
    if (!/^[\w.@-]{2,64}$/.test(fields.get("RoleSessionName") ?? "")) return [400, "InvalidParameter"];
    if (known === undefined || known.roleArn !== fields.get("RoleArn")) return [404, "EntityNotExist.Role"];
    if (known.providerArn !== fields.get("OIDCProviderArn")) return [400, "AuthenticationFail.NoPermission"];
    return known.token() === fields.get("OIDCToken") ? undefined : [400, "AuthenticationFail.OIDCToken.Expired"];
  }

  #give(response: ServerResponse): void {
    const ends = Date.now() + (this.#options?.life ?? 3_600_000);
    const key = {
      accessKeyId: `STS.${randomUUID()}`,
      accessKeySecret: randomUUID(),
      securityToken: randomUUID(),
      ends,
    };
    this.given.push(key);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      JSON.stringify({
        Credentials: {
          AccessKeyId: key.accessKeyId,
          AccessKeySecret: key.accessKeySecret,
          SecurityToken: key.securityToken,
          Expiration: new Date(ends).toISOString().replace(/\.\d+Z$/, "Z"),
        },
      }),
    );
  }
}
