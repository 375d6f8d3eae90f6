/** The flags, width and precision of one verb of a format: `%-+#08.3v`. */
export interface PrintSpec {
  minus: boolean;
  plus: boolean;
  sharp: boolean;
  space: boolean;
  zero: boolean;
  /** `%+v`: names of fields. */
  plusV: boolean;
  /** `%#v`: Go syntax. */
  sharpV: boolean;
  width: number | undefined;
  precision: number | undefined;
}

export const plainSpec: Readonly<PrintSpec> = {
  minus: false,
  plus: false,
  sharp: false,
  space: false,
  zero: false,
  plusV: false,
  sharpV: false,
  width: undefined,
  precision: undefined,
};

/** Under `%v` the flags `+` and `#` mean something else than under other verbs. */
export function specOf(verb: string, spec: Readonly<PrintSpec>): Readonly<PrintSpec> {
  if (spec === plainSpec || (verb !== "v" && verb !== "w")) return spec;
  return { ...spec, plusV: spec.plus, sharpV: spec.sharp, plus: false, sharp: false };
}

/** How many characters Go counts: code points. */
export function runeCount(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0xd800 && code < 0xdc00 && i + 1 < text.length) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next < 0xe000) {
        count--;
        i++;
      }
    }
  }
  return count;
}

/** Fills a text up to the width; with zeros only to its left. */
export function pad(text: string, spec: Readonly<PrintSpec>, zero = spec.zero): string {
  if (spec.width === undefined) return text;
  const missing = spec.width - runeCount(text);
  if (missing <= 0) return text;
  if (spec.minus) return text + " ".repeat(missing);
  return (zero ? "0" : " ").repeat(missing) + text;
}
