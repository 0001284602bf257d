/**
 * The part of Standard Schema that `json(schema)` needs: zod, valibot, arktype and others all have it.
 * Source: https://standardschema.dev, version 1.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What a library of schemas shows to others. */
  readonly "~standard": {
    /** Of the specification. */
    readonly version: 1;
    /** The library's name. */
    readonly vendor: string;
    /** Checks a value, and transforms it if the schema does that. Here it must not return a promise. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** For the compiler only; there is no such value. */
    readonly types?: StandardTypes<Input, Output> | undefined;
  };
}

/** What a schema takes and gives, as types. */
export interface StandardTypes<Input, Output> {
  /** Before validation. */
  readonly input: Input;
  /** After validation. */
  readonly output: Output;
}

/** What a schema's validation gives. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** A fault that a schema found. */
export interface SchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where in the value, from outside inwards. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema takes: the type of what goes to the guest. */
export type SchemaInput<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>["input"];
/** What a schema gives: the type of what came from the guest. */
export type SchemaOutput<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>["output"];
