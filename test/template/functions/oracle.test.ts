import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ValueMap } from "../../../lib/template/index.ts";
import { readJson, readYaml, writeJson } from "../../../lib/yaml/index.ts";
import { evaluate, result } from "./evaluate.ts";
import { expressions } from "./expressions.ts";
import { renderWithHelm } from "./helm-chart.ts";
import { valuesYaml } from "./values.ts";

/** No text of a test has this line. */
const separator = "\n=== next ===\n";

test("every function gives what it gives in helm", async () => {
  const template = expressions.map((expression) => `{{ ${expression} }}`).join(separator);
  const rendered = await renderWithHelm(`{{ with .Values }}${template}{{ end }}`, valuesYaml);
  const wanted = rendered.replaceAll("<no value>", "").split(separator);
  assert.equal(wanted.length, expressions.length);
  const values = readYaml(valuesYaml) as ValueMap;
  const different = expressions
    .map((expression, i) => ({ expression, ours: result(expression, values), helm: wanted[i] }))
    .filter(({ ours, helm }) => ours !== helm);
  assert.deepEqual(different, []);
});

const piece = fc.constantFrom(
  ..."a yes no ~ null 1 010 1e3 0x1f 2001-01-01 : - # ' \" \\ é 😀 % @ ` { } [ ] , ? ! & * | > a: b = << --- ... 1_0 0b1 .5 .inf 12:30:45 lorem dolor <b>".split(
    " ",
  ),
  ..." |  |: |- | #|\n|\n\n|\t|\u2028|\u00a0|\x01|longer words to be folded".split("|"),
);
const text = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(""));
const long = fc.array(piece, { minLength: 25, maxLength: 60 }).map((pieces) => pieces.join(" "));
const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(1e6, 1e20, 1e21, 1.5e-7, 123456.5, 1234567.5, 2 ** 63, 1e19, -1e19),
);
const { value: jsonValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    text,
    long,
    number,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(text, tie("value"), { maxKeys: 5 }),
  ),
}));

const part = fc.constantFrom("0", "1", "2", "3", "10");
const wildPart = fc.oneof({ weight: 4, arbitrary: part }, { weight: 1, arbitrary: fc.constantFrom("x", "X", "*") });
const prerelease = fc.constantFrom("", "", "", "-0", "-alpha", "-beta.1", "-rc.10", "-rc.9+b");
const dotted = (of: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom("", "v"), fc.array(of, { minLength: 1, maxLength: 3 }), prerelease)
    .map(([prefix, parts, suffix]) => prefix + parts.join(".") + suffix);
const operator = fc.constantFrom("", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^");
const comparison = fc.tuple(operator, fc.constantFrom("", " "), dotted(wildPart)).map((parts) => parts.join(""));
const range = fc.tuple(dotted(wildPart), dotted(wildPart)).map((ends) => ends.join(" - "));
const constraint = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.array(comparison, { minLength: 1, maxLength: 3 }).map((all) => all.join(", ")) },
      { weight: 1, arbitrary: range },
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((alternatives) => alternatives.join(" || "));

const regex = fc.tuple(
  fc.constantFrom(
    "a(b)?",
    "(?i)[a-c]+",
    "x*",
    "^.",
    "(?P<n>[0-9]+)(z)?",
    "\\b",
    "[^a]$",
    "(a|ab)(c|bcd)*",
    "\\pL\\.?",
    "",
  ),
  fc
    .array(fc.constantFrom("a", "b", "c", "d", "é", "1", "22", "z", " ", "\n", ".", "A"), { maxLength: 10 })
    .map((all) => all.join("")),
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Go's syntax, too
  fc.constantFrom("", "-", "$1", "${1}x", "$0$0", "$n", "${n}1", "$$", "$1x", "$"),
  fc.constantFrom(-1, 0, 1, 2),
);

const samples = { numRuns: 250, seed: 20240229 };

/** For each case of a list: what a template makes of it, which reads it as `.`. */
const generated: Readonly<Record<string, { readonly cases: readonly unknown[]; readonly template: string }>> = {
  toYaml: { cases: fc.sample(jsonValue, samples), template: "{{ toYaml . }}" },
  toYamlPretty: { cases: fc.sample(jsonValue, samples), template: "{{ toYamlPretty . }}" },
  toJson: { cases: fc.sample(jsonValue, samples), template: "{{ toJson . }}{{ toPrettyJson . }}{{ toRawJson . }}" },
  fromYaml: {
    cases: fc.sample(jsonValue, samples).filter((value) => !/\\t|\u2028/.test(JSON.stringify(value))),
    template: `{{ $y := toYaml (dict "a" .) }}{{ fromYaml $y | toJson }}{{ printf "%v" (fromYaml (toYamlPretty (dict "a" .))) }}`,
  },
  toToml: {
    cases: fc.sample(fc.dictionary(text, fc.oneof(text, number, fc.dictionary(text, text, { maxKeys: 2 }))), samples),
    template: "{{ toToml . }}{{ fromToml (toToml .) | toJson }}",
  },
  semver: {
    cases: fc.sample(fc.tuple(constraint, dotted(part)), { ...samples, numRuns: 1500 }),
    template: "{{ semverCompare (index . 0) (index . 1) }}",
  },
  regex: {
    cases: fc.sample(regex, samples),
    template:
      "{{ regexMatch (index . 0) (index . 1) }} {{ regexFind (index . 0) (index . 1) }} " +
      "{{ regexFindAll (index . 0) (index . 1) (int (index . 3)) | toJson }} " +
      "{{ regexReplaceAll (index . 0) (index . 1) (index . 2) }} " +
      "{{ regexReplaceAllLiteral (index . 0) (index . 1) (index . 2) }} " +
      "{{ regexSplit (index . 0) (index . 1) (int (index . 3)) | toJson }}",
  },
  strings: {
    cases: fc.sample(text, samples),
    template:
      "{{ quote . }}{{ squote . }}{{ camelcase . }} {{ snakecase . }} {{ kebabcase . }} {{ title . }} {{ untitle . }} " +
      "{{ swapcase . }} {{ upper . }} {{ lower . }} {{ trim . }} {{ nindent 2 . }} {{ b64enc . }} {{ b64dec . }} " +
      "{{ b32enc . }} {{ int . }} {{ float64 . }} {{ atoi . }} {{ base . }} {{ dir . }} {{ clean . }} {{ ext . }} " +
      '{{ splitList " " . | toJson }} {{ regexQuoteMeta . }} {{ sha256sum . }}',
  },
};

test("generated values, texts, constraints and expressions give what they give in helm", async () => {
  const data = Object.fromEntries(Object.entries(generated).map(([name, { cases }]) => [name, cases]));
  const json = writeJson(readJson(JSON.stringify(data)));
  const values = readYaml(json) as ValueMap;
  const template = Object.entries(generated)
    .map(([name, { template: each }]) => `{{ range .${name} }}${each}${separator}{{ end }}`)
    .join("");
  const rendered = await renderWithHelm(`{{ with .Values }}${template}{{ end }}`, json);
  const wanted = rendered.replaceAll("<no value>", "").split(separator);
  const ours = evaluate(template, values).split(separator);
  assert.equal(ours.length, wanted.length);
  const inputs = Object.values(generated).flatMap(({ cases }) => cases);
  const different = inputs.flatMap((input, i) => {
    return ours[i] === wanted[i] ? [] : [{ input: JSON.stringify(input), ours: ours[i], helm: wanted[i] }];
  });
  assert.deepEqual(different.slice(0, 3), []);
});
