const units: Readonly<Record<string, number>> = {
  "": 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};
/** Smaller volumes would be thousands. */
const LEAST = 1024 ** 2;

/** Bytes of a size as people write it: `700MB`, `4GiB`. @returns undefined when it is none, or less than 1 MiB */
export function sizeOf(text: string): number | undefined {
  const [, digits = "", unit = ""] = /^(\d{1,12})(|[KMG]i?B)$/.exec(text) ?? [];
  const size = Number(digits) * (units[unit] ?? 0);
  return Number.isSafeInteger(size) && size >= LEAST ? size : undefined;
}
