export interface Element {
  readonly [name: string]: string | Element | readonly (string | Element)[];
}

/** An element; lists are repeated, empty ones are left out. */
export const toXml = (name: string, element: Element): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n${node(name, element)}`;

const node = (name: string, value: string | Element): string =>
  `<${name}>${typeof value === "string" ? escaped(value) : children(value)}</${name}>`;

const children = (element: Element): string =>
  Object.entries(element)
    .flatMap(([name, value]) => [value].flat().map((one) => node(name, one as string | Element)))
    .join("\n");

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`).replace(/[\n\r\t]/g, (one) => `&#${one.charCodeAt(0)};`);
