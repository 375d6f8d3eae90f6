/** What a PAX header says about the next entry; whatever else it holds (times, owners) is of no interest. */
export interface PaxFields {
  readonly path?: string;
  readonly linkpath?: string;
  readonly size?: number;
}

/**
 * Read the records of a PAX header: `LENGTH KEY=VALUE\n`, the length counting the whole record in bytes
 * (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html, "pax Extended Header").
 *
 * @returns the fields, or why the records are not acceptable: damaged, a field twice, or content that is stored sparse
 */
export function readPax(bytes: Uint8Array): PaxFields | { readonly problem: string } {
  const records = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields = new Map<string, string>();
  for (let at = 0; at < records.byteLength; ) {
    const blank = records.indexOf(" ", at);
    const digits = blank === -1 ? "" : records.toString("latin1", at, blank);
    const end = at + (/^[1-9][0-9]{0,8}$/.test(digits) ? Number(digits) : 0);
    const equals = records.indexOf("=", blank);
    if (
      blank === -1 ||
      end <= blank ||
      end > records.byteLength ||
      records[end - 1] !== 0x0a ||
      equals <= blank + 1 ||
      equals >= end
    ) {
      return { problem: "a PAX header is damaged" };
    }
    const key = records.toString("latin1", blank + 1, equals);
    if (key.startsWith("GNU.sparse.")) return { problem: "it holds a sparse file" };
    if (key === "path" || key === "linkpath" || key === "size") {
      if (fields.has(key)) return { problem: `a PAX header says "${key}" twice` };
      const value = decodeText(records.subarray(equals + 1, end - 1));
      if (value === undefined || value === "") return { problem: `a PAX header holds a malformed "${key}"` };
      fields.set(key, value);
    }
    at = end;
  }
  const size = fields.get("size");
  if (size !== undefined && !(/^[0-9]{1,16}$/.test(size) && Number.isSafeInteger(Number(size)))) {
    return { problem: 'a PAX header holds a malformed "size"' };
  }
  return { ...Object.fromEntries(fields), ...(size !== undefined && { size: Number(size) }) };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @returns undefined when the bytes are not UTF-8 */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
