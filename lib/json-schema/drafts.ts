/** The drafts of JSON Schema, by the number or year that everybody calls them by. */
export type Draft = 4 | 6 | 7 | 2019 | 2020;

/** What a schema that names none follows. */
export const LATEST: Draft = 2020;

const drafts: ReadonlyMap<string, Draft> = new Map([
  ["json-schema.org/schema", LATEST],
  ["json-schema.org/draft/2020-12/schema", 2020],
  ["json-schema.org/draft/2019-09/schema", 2019],
  ["json-schema.org/draft-07/schema", 7],
  ["json-schema.org/draft-06/schema", 6],
  ["json-schema.org/draft-04/schema", 4],
]);

/** The draft whose metaschema has this URL, with or without an empty fragment. */
export const draftOf = (url: string): Draft | undefined =>
  drafts.get(url.replace(/#$/, "").replace(/^https?:\/\//, ""));

/** The keyword that gives a schema its URL. */
export const idKeyword = (draft: Draft): "id" | "$id" => (draft === 4 ? "id" : "$id");
