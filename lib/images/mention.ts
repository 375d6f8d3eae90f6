import type { Status } from "./finding.ts";
import type { Place } from "./place.ts";
import type { RuleName } from "./rules.ts";
import type { Spelling } from "./spelling.ts";

/** An image as an object spells it. */
export interface Mention {
  readonly place: Place;
  readonly rule: RuleName;
  readonly raw: unknown;
  /** Undefined when what stands there is no reference, and should be one. */
  readonly spelling: Spelling | undefined;
  readonly status: Status;
  /** Its tag is not written there but taken from the chart's appVersion. */
  readonly defaulted?: boolean;
}

/**
 * How a rule looks at one place of an object.
 *
 * @returns undefined when the place is not the rule's; else the images there, perhaps none: then no other rule looks at the
 *   place, nor at anything below it
 */
export type Look = (place: Place) => readonly Mention[] | undefined;

/** A reference that tells which image: required. One without tag and digest is a guess. */
export const mention = (place: Place, rule: RuleName, raw: string, spelling: Spelling): Mention => ({
  place,
  rule,
  raw,
  spelling,
  status: spelling.exact ? "required" : "suspected",
});

/** What the position proves to be an image, whatever is written there. */
export const proven = (place: Place, rule: RuleName, raw: unknown, spelling: Spelling | undefined): Mention => ({
  place,
  rule,
  raw,
  spelling,
  status: "required",
});
