import { RejectedError } from "../errors.ts";
import type { Platform } from "./descriptor.ts";

/** `os/architecture`, and a variant where it matters: `linux/amd64`, `linux/arm/v7`. */
const PLATFORM = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9.]+))?$/;

/** What an absent variant means: https://github.com/containerd/platforms/blob/v0.2.1/database.go */
const usualVariant: Readonly<Record<string, string>> = { amd64: "v1", arm64: "v8", arm: "v7" };

/** @throws RejectedError IMAGE_INVALID */
export function parsePlatform(text: string): Platform {
  const [, os, architecture, variant] = PLATFORM.exec(text) ?? [];
  if (os === undefined || architecture === undefined) {
    throw new RejectedError("IMAGE_INVALID", `Cannot read platform "${text.slice(0, 100)}": it is not os/architecture`);
  }
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, variant].filter((part) => part !== undefined).join("/");

/** Whether an image for `offered` is one that somebody who asked for `wanted` means. Without variant every variant is. */
export function isPlatform(offered: Platform, wanted: Platform): boolean {
  const { os, architecture, variant } = wanted;
  if (offered.os !== os || offered.architecture !== architecture) return false;
  return variant === undefined || (offered.variant || usualVariant[architecture]) === variant;
}
