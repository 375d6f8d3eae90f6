import * as z from "zod";
import type { Finding } from "./change.ts";
import type { WebhookKind } from "./kind.ts";
import { JSON_TYPE, readPayload, requireShape } from "./payload.ts";

const notification = z.object({
  push_data: z.object({
    digest: z.string(),
    /** Without time zone: part of the id, not a time. */
    pushed_at: z.string().max(100),
    tag: z.string(),
  }),
  repository: z.object({ repo_full_name: z.string() }),
});

/**
 * Alibaba Cloud Container Registry: triggers of a repository. They tell of pushes only, and do not name the registry.
 *
 * @see https://www.alibabacloud.com/help/doc-detail/60949.htm
 */
export const aliyun: WebhookKind = {
  title: "Alibaba Cloud Container Registry",
  proof: { by: "path" },
  mediaTypes: [JSON_TYPE],
  read(delivery): readonly Finding[] {
    const { push_data, repository } = requireShape(notification, readPayload(delivery));
    const { pushed_at, tag, digest } = push_data;
    return [{ action: "pushed", id: pushed_at, repository: repository.repo_full_name, tag, digest }];
  },
};
