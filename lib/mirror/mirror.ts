import { RejectedError } from "../errors.ts";
import { describeDefect, nameOf } from "../images/lists.ts";
import {
  concurrently,
  createTransfer,
  type Registries,
  type Sleep,
  sleepFor,
  type TransferOptions,
} from "../oci/index.ts";
import { foreignImages } from "./foreign.ts";
import { type ImageResult, type ImageTools, mirrorImage } from "./image.ts";
import { createObserver } from "./observe.ts";
import type { MirrorReport } from "./report.ts";
import { type MirrorRequest, type PlannedImage, planImages } from "./request.ts";
import { Retries } from "./retries.ts";

export interface MirrorPorts {
  readonly registries: Registries;
  /** For tests, which assert the waits between attempts instead of waiting. */
  readonly sleep?: Sleep | undefined;
  readonly onProgress?: TransferOptions["onProgress"];
  /** Called as soon as an image has ended. */
  readonly onImage?: ((result: ImageResult) => void) | undefined;
  /** Called when an image failed and will be tried again, before that is waited for. */
  readonly onRetry?: ImageTools["onRetry"];
}

/** Each moves several blobs at once, and of one that has not changed, all there is to do is to ask for it twice. */
const IMAGES_AT_ONCE = 16;

/**
 * Mirror lists of images from registry to registry, by digest and with all platforms. Every image has a result, whatever
 * happens to the others. Doing it again moves nothing that is there.
 *
 * Lists with errors, hosts that are none and a target that must be empty and is not refuse the whole run before the first
 * byte: the report says why and names no image.
 *
 * @throws TransientError when it cannot be told now whether the target is empty; whatever the signal was aborted with
 */
export async function mirror(request: MirrorRequest, ports: MirrorPorts, signal: AbortSignal): Promise<MirrorReport> {
  const started = performance.now();
  const { registries, sleep = sleepFor, onProgress, onImage, onRetry } = ports;
  const end = (images: readonly ImageResult[], refused?: RejectedError): MirrorReport => ({
    complete: refused === undefined && images.every(({ status }) => status === "copied" || status === "present"),
    dryRun: request.dryRun ?? false,
    refused: refused === undefined ? null : { code: refused.code, message: refused.message },
    seconds: Math.round(performance.now() - started) / 1000,
    images,
    defects: request.list.defects,
    errors: request.list.errors,
    warnings: request.list.warnings,
  });
  let planned: readonly PlannedImage[];
  try {
    planned = await admit(request, registries, signal);
  } catch (error) {
    if (error instanceof RejectedError) return end([], error);
    throw error;
  }
  const begin = () => createTransfer({ onProgress });
  const tools = {
    registries,
    transfer: begin(),
    begin,
    observer: createObserver(),
    retries: new Retries(),
    sleep,
    onRetry,
  };
  const results = await concurrently(
    planned,
    IMAGES_AT_ONCE,
    async (image, stop) => {
      const result = await mirrorImage(image, request, tools, stop);
      onImage?.(result);
      return result;
    },
    signal,
  );
  return end(results);
}

/** @throws RejectedError for what must not be begun: LIST_INVALID, MIRROR_INVALID, TARGET_NOT_EMPTY */
async function admit(
  request: MirrorRequest,
  registries: Registries,
  signal: AbortSignal,
): Promise<readonly PlannedImage[]> {
  const { list, to, mustBeEmpty = false } = request;
  const first = list.defects.find(({ severity }) => severity === "error");
  if (first !== undefined) {
    const count = `${list.errors} ${list.errors === 1 ? "error" : "errors"}`;
    throw new RejectedError("LIST_INVALID", `Cannot use image lists with ${count}: ${describeDefect(first)}`);
  }
  const planned = planImages(request);
  if (!mustBeEmpty) return planned;
  const foreign = await foreignImages(registries, to, new Set(list.images.map(nameOf)), signal);
  if (foreign.length > 0) {
    throw new RejectedError(
      "TARGET_NOT_EMPTY",
      `Cannot mirror to "${to}": it must hold no other images, and holds ${foreign.join(", ")}`,
    );
  }
  return planned;
}
