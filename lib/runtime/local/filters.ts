import * as z from "zod";
import type { WireEvent } from "../../events/index.ts";

type Attributes = Readonly<Record<string, string>>;

/**
 * A filter of a Trigger: Knative's dialects but CESQL, and `attributes`, the older `spec.filter`.
 *
 * @see https://knative.dev/docs/eventing/triggers/#trigger-filtering
 */
export type Filter =
  | { readonly exact: Attributes }
  | { readonly prefix: Attributes }
  | { readonly suffix: Attributes }
  | { readonly all: readonly Filter[] }
  | { readonly any: readonly Filter[] }
  | { readonly not: Filter }
  | { readonly attributes: Attributes };

const name = z.string().regex(/^[a-z0-9]+$/, "is not an attribute name");
const values = z
  .record(name, z.string().min(1))
  .refine((map) => Object.keys(map).length > 0, "names no attribute")
  .optional();

const dialects = z
  .strictObject({
    exact: values,
    prefix: values,
    suffix: values,
    get all() {
      return z.array(filterSchema).min(1).optional();
    },
    get any() {
      return z.array(filterSchema).min(1).optional();
    },
    get not() {
      return filterSchema.optional();
    },
  })
  .refine((one) => Object.keys(one).length === 1, "must have exactly one dialect");

/** One entry of `spec.filters`. */
export const filterSchema: z.ZodType<Filter> = z.lazy(() => dialects) as unknown as z.ZodType<Filter>;

/** `spec.filter`: an empty value means any. */
export const attributesSchema = z.strictObject({ attributes: z.record(name, z.string()) });

/** All filters of a trigger must pass; none at all lets everything pass. */
export const passes = (event: WireEvent, filters: readonly Filter[]): boolean =>
  filters.every((filter) => passesOne(event, filter));

function passesOne(event: WireEvent, filter: Filter): boolean {
  if ("all" in filter) return filter.all.every((each) => passesOne(event, each));
  if ("any" in filter) return filter.any.some((each) => passesOne(event, each));
  if ("not" in filter) return !passesOne(event, filter.not);
  if ("exact" in filter) return every(event, filter.exact, (value, want) => value === want);
  if ("prefix" in filter) return every(event, filter.prefix, (value, want) => value.startsWith(want));
  if ("suffix" in filter) return every(event, filter.suffix, (value, want) => value.endsWith(want));
  return every(event, filter.attributes, (value, want) => (want === "" ? value !== "" : value === want));
}

/** An attribute that the event does not have never passes. */
const every = (event: WireEvent, wanted: Attributes, test: (value: string, want: string) => boolean): boolean =>
  Object.entries(wanted).every(([attribute, want]) => {
    const value = attributeOf(event, attribute);
    return value !== undefined && test(value, want);
  });

function attributeOf(event: WireEvent, attribute: string): string | undefined {
  const { extensions, data: _, ...defined } = event;
  const attributes: Attributes = { ...extensions, ...defined };
  return Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined;
}
