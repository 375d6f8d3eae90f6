import type { FakeObjectService } from "./server.ts";

/** The environment in which a store finds its way to the fake service. */
export const environmentOf = ({ kind, endpoint, keys }: Pick<FakeObjectService, "kind" | "endpoint" | "keys">) =>
  kind === "oss"
    ? {
        OSS_ENDPOINT: endpoint,
        OSS_REGION: "cn-hangzhou",
        OSS_ACCESS_KEY_ID: keys.accessKeyId,
        OSS_ACCESS_KEY_SECRET: keys.accessKeySecret,
      }
    : {
        AWS_ENDPOINT_URL_S3: endpoint,
        AWS_REGION: "eu-central-1",
        AWS_ACCESS_KEY_ID: keys.accessKeyId,
        AWS_SECRET_ACCESS_KEY: keys.accessKeySecret,
      };
