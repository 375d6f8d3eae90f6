import { StowageError } from "../errors.ts";
import { type CopyResult, dryRun, type Registries, type Sleep, type Transfer, tagOrDigest } from "../oci/index.ts";
import type { Observer, Side } from "./observe.ts";
import { type MirrorRequest, namesOf, type PlannedImage } from "./request.ts";
import { isUnavailable, type Retries } from "./retries.ts";

/** What has become of one image. The names are those of report.json. */
export interface ImageResult {
  /** As pulled. */
  readonly source: string;
  /** As pushed. */
  readonly target: string;
  /** `present`: nothing had to be written. `missing`: not at the source. `denied`: by the registry on `side`. */
  readonly status: "copied" | "present" | "missing" | "denied" | "failed";
  /** Which registry an image failed at; null when it did not fail. */
  readonly side: Side | null;
  /** What the target has; null when the image failed. */
  readonly digest: string | null;
  readonly attempts: number;
  /** Bytes of configs and layers that moved, in all attempts. */
  readonly bytes: number;
  /** Bytes that did not have to move. */
  readonly reused: number;
  /** Signatures, attestations and SBOMs that came along or were there, as far as they were looked at. */
  readonly attached: number;
  /** Those that did not come: {@linkcode CopyResult.leftOut}. */
  readonly leftOut: number;
  readonly seconds: number;
  readonly error: string | null;
  /** One of docs/errors.md, or UNEXPECTED. */
  readonly code: string | null;
}

/** An image that is about to be tried again. */
export interface ImageRetry extends Pick<ImageResult, "source" | "target"> {
  readonly side: Side;
  /** Why the last attempt failed. */
  readonly error: string;
  /** Milliseconds until the next one. */
  readonly wait: number;
}

export interface ImageTools {
  readonly registries: Registries;
  /** One for all images of the run: what one of them has brought, the others need not bring. */
  readonly transfer: Transfer;
  /** Begin another transfer, which knows nothing. */
  readonly begin: () => Transfer;
  readonly observer: Observer;
  readonly retries: Retries;
  readonly sleep: Sleep;
  readonly onRetry?: ((retry: ImageRetry) => void) | undefined;
}

/**
 * Mirror one image. A failure is a result; only an abort is thrown.
 *
 * The tag is written when everything below it has been copied or found, so an image whose pull failed is never pushed.
 */
export async function mirrorImage(
  planned: PlannedImage,
  request: MirrorRequest,
  tools: ImageTools,
  signal: AbortSignal,
): Promise<ImageResult> {
  const { observer, sleep, onRetry } = tools;
  const retries = tools.retries.begin();
  const started = performance.now();
  const seen: Seen = { resolved: false, changes: 0, bytes: 0 };
  let { transfer } = tools;
  for (let attempts = 1; ; attempts += 1) {
    const before = seen.changes;
    const end = () => ({ attempts, bytes: seen.bytes, seconds: Math.round(performance.now() - started) / 1000 });
    try {
      const { copied, bytes, attached, leftOut } = await attempt(
        planned,
        request,
        { ...tools, transfer },
        seen,
        signal,
      );
      retries.succeeded(planned.source.registry, planned.target.registry);
      return {
        ...namesOf(planned),
        status: seen.changes > 0 ? "copied" : "present",
        side: null,
        digest: copied.digest,
        ...end(),
        reused: Math.max(0, bytes.moved + bytes.reused - seen.bytes),
        attached,
        leftOut: leftOut.length,
        error: null,
        code: null,
      };
    } catch (error) {
      signal.throwIfAborted();
      const side = observer.sideOf(error);
      const failure = describe(error, side);
      // what the source has never heard of is not there; what it has named itself ought to be
      const isMissing = failure.status === "missing" && !seen.resolved;
      const wait = isMissing ? undefined : retries.waitAfter(error, planned[side].registry, seen.changes > before);
      if (wait === undefined) {
        return { ...namesOf(planned), ...failure, digest: null, ...end(), reused: 0, attached: 0, leftOut: 0 };
      }
      // a transfer remembers what it was told, so after a wrong answer another one has to ask
      if (!isUnavailable(error)) transfer = tools.begin();
      onRetry?.({ ...namesOf(planned), side, error: failure.error, wait });
      await sleep(wait, signal);
    }
  }
}

/** What attempts have come to. */
interface Seen {
  /** Whether the source has named the image. */
  resolved: boolean;
  /** How often something was written. */
  changes: number;
  /** That moved. */
  bytes: number;
}

function attempt(
  { source, target }: PlannedImage,
  { platforms, rewriteIndex, recheck = false, dryRun: isRehearsal = false }: MirrorRequest,
  { registries, transfer, observer }: ImageTools,
  seen: Seen,
  signal: AbortSignal,
): Promise<CopyResult> {
  const pull = observer.source(registries.repository(source.registry, source.repository), () => {
    seen.resolved = true;
  });
  const push = registries.repository(target.registry, target.repository);
  const observed = observer.target(isRehearsal ? dryRun(push) : push, () => {
    seen.changes += 1;
  });
  return transfer.copy(pull, tagOrDigest(source), observed, {
    as: target.tag,
    platforms,
    rewriteIndex,
    recheck: recheck ? "all" : platforms === undefined ? "nothing" : "parts",
    signal,
    onBlob({ descriptor, outcome }) {
      if (outcome === "written") seen.bytes += descriptor.size;
    },
  });
}

function describe(error: unknown, side: Side) {
  const { message } = error instanceof Error ? error : { message: String(error) };
  // one image's bug must not cost the others their run; the report shows it
  const code = error instanceof StowageError ? error.code : "UNEXPECTED";
  const status = code === "REGISTRY_DENIED" ? "denied" : "failed";
  const isUnknown = code === "CONTENT_UNKNOWN" && side === "source";
  return { status: isUnknown ? "missing" : status, side, error: message, code } as const;
}
