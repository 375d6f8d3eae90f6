import { RejectedError } from "../errors.ts";

/** A text is no JSON Schema, or refers to something that is not in it. */
export class SchemaError extends RejectedError {
  constructor(why: string, options?: ErrorOptions) {
    super("SCHEMA_INVALID", `Cannot use JSON schema: ${why}`, options);
  }
}
