import type { Fact } from "./go.ts";

/**
 * Recorded from Go 1.26's own text/template and fmt: what they give for each template or format. A table of facts, as long as
 * they are many.
 */
export const executed: readonly Fact[] = [
  ["plain", { out: "plain" }],
  ["a {{ .int }} b", { out: "a 7 b" }],
  ["a {{- .int -}} b", { out: "a7b" }],
  ["a {{- /* c */ -}} b", { out: "ab" }],
  ["{{/* c */}}x", { out: "x" }],
  ['a\n  {{- "b" }}\n c', { out: "ab\n c" }],
  ["{{-3}}", { out: "-3" }],
  ["{{ - 3}}", { err: 'template: chart/main.yaml:1: illegal number syntax: "-"' }],
  ["{{ .int -}}\n\t x", { out: "7x" }],
  ["{{ if .on }}1{{ end }}", { out: "1" }],
  ["{{ if .off }}1{{ else }}2{{ end }}", { out: "2" }],
  ["{{ if .off }}1{{ else if .on }}2{{ else }}3{{ end }}", { out: "2" }],
  ["{{ if .off }}1{{ else if .empty }}2{{ else if .none }}3{{ else }}4{{ end }}", { out: "4" }],
  ["{{ if not .nil }}nil{{ end }}", { out: "nil" }],
  [
    "{{ if .list }}l{{ end }}{{ if .none }}n{{ end }}{{ if .map }}m{{ end }}{{ if 0 }}0{{ end }}{{ if 0.1 }}f{{ end }}",
    { out: "lmf" },
  ],
  ["{{ with .map.a }}{{ .x }}{{ $.int }}{{ end }}", { out: "deep7" }],
  ["{{ with .nil }}1{{ else }}{{ .int }}{{ end }}", { out: "7" }],
  ["{{ with .nil }}1{{ else with .map.a }}{{ .x }}{{ else }}3{{ end }}", { out: "deep" }],
  ["{{ with $x := .int }}{{ $x }}{{ . }}{{ end }}", { out: "77" }],
  ["{{ range .list }}[{{ . }}]{{ end }}", { out: "[1][two][][map[x:1]]" }],
  ["{{ range $i, $e := .list }}{{ $i }}={{ $e }};{{ end }}", { out: "0=1;1=two;2=;3=map[x:1];" }],
  ["{{ range $e := .list }}{{ $e }};{{ end }}", { out: "1;two;;map[x:1];" }],
  ["{{ range .none }}1{{ else }}none{{ end }}", { out: "none" }],
  ["{{ range .nil }}1{{ else }}nil{{ end }}", { out: "nil" }],
  ["{{ range $k, $v := .map }}{{ $k }}:{{ $v }},{{ end }}", { out: "a:map[x:deep],b:2,k-2:," }],
  ["{{ range .map }}{{ . }},{{ end }}", { out: "map[x:deep],2,," }],
  ["{{ range 3 }}{{ . }}{{ end }}", { out: "012" }],
  ["{{ range $i := .int }}{{ $i }}{{ end }}", { out: "0123456" }],
  ["{{ range 0 }}1{{ else }}zero{{ end }}", { out: "zero" }],
  [
    "{{ range $i, $j := 3 }}{{ end }}",
    {
      err: 'template: chart/main.yaml:1:19: executing "chart/main.yaml" at <3>: can\'t use 3 to iterate over more than one variable',
    },
  ],
  [
    "{{ range .text }}{{ end }}",
    {
      err: 'template: chart/main.yaml:1:9: executing "chart/main.yaml" at <.text>: range can\'t iterate over hi "you"\n',
    },
  ],
  [
    "{{ range .float }}{{ end }}",
    { err: 'template: chart/main.yaml:1:9: executing "chart/main.yaml" at <.float>: range can\'t iterate over 1.5' },
  ],
  ['{{ range .list }}{{ if eq (printf "%v" .) "two" }}{{ break }}{{ end }}{{ . }}{{ end }}', { out: "1" }],
  ["{{ range $i, $e := .list }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ $e }}{{ end }}", { out: "1map[x:1]" }],
  ["{{ range .strings }}{{ . }}{{ end }}", { out: "pq" }],
  ["{{ range .bytes }}{{ . }} {{ end }}", { out: "97 98 99 " }],
  ["{{ range 3 }}{{ range 3 }}{{ if . }}{{ break }}{{ end }}{{ . }}{{ end }}{{ . }}{{ end }}", { out: "000102" }],
  ["{{ $x := 1 }}{{ if .on }}{{ $x = 2 }}{{ end }}{{ $x }}", { out: "2" }],
  ["{{ $x := 1 }}{{ if .on }}{{ $x := 2 }}{{ end }}{{ $x }}", { out: "1" }],
  ["{{ $x := .nil }}{{ $x }}", { out: "" }],
  ["{{ $i := 9 }}{{ range $i = .list }}{{ end }}{{ $i }}", { out: "map[x:1]" }],
  ["{{ $k := 0 }}{{ $e := 0 }}{{ range $k, $e = .list }}{{ end }}{{ $k }}{{ $e }}", { out: "3map[x:1]" }],
  ["{{ and .off ($y := 1) }}", { out: "false" }],
  ['{{ $x := 5 }}{{ define "d" }}{{ $x }}{{ end }}', { err: 'template: chart/main.yaml:1: undefined variable "$x"' }],
  ["{{ range $x := .list }}{{ end }}{{ $x }}", { err: 'template: chart/main.yaml:1: undefined variable "$x"' }],
  ['{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" .int }}{{ template "t" }}', { out: "<7><>" }],
  [
    '{{ template "none" . }}',
    {
      err: 'template: chart/main.yaml:1:12: executing "chart/main.yaml" at <{{template "none" .}}>: template "none" not defined',
    },
  ],
  ['{{ block "b" .int }}({{ . }}){{ end }}', { out: "(7)" }],
  [
    '{{ define "a" }}1{{ end }}{{ define "a" }}2{{ end }}',
    { err: 'template: chart/main.yaml:1: template: multiple definition of template "a"' },
  ],
  ['{{ define "a" }}1{{ end }}{{ define "a" }} {{ end }}{{ template "a" }}', { out: "1" }],
  ["{{ .missing }}", { out: "" }],
  [
    "{{ .missing.more }}",
    {
      err: 'template: chart/main.yaml:1:11: executing "chart/main.yaml" at <.missing.more>: nil pointer evaluating interface {}.more',
    },
  ],
  ["{{ (.missing).more }}", { out: "" }],
  [
    "{{ .nil.x }}",
    {
      err: 'template: chart/main.yaml:1:7: executing "chart/main.yaml" at <.nil.x>: nil pointer evaluating interface {}.x',
    },
  ],
  [
    "{{ .text.x }}",
    {
      err: 'template: chart/main.yaml:1:8: executing "chart/main.yaml" at <.text.x>: can\'t evaluate field x in type interface {}',
    },
  ],
  [
    "{{ .map.a.x.y }}",
    {
      err: 'template: chart/main.yaml:1:7: executing "chart/main.yaml" at <.map.a.x.y>: can\'t evaluate field y in type interface {}',
    },
  ],
  [
    "{{ .int.x }}",
    {
      err: 'template: chart/main.yaml:1:7: executing "chart/main.yaml" at <.int.x>: can\'t evaluate field x in type interface {}',
    },
  ],
  ["{{ $.map.a.x }}", { out: "deep" }],
  ["{{ (index .list 3).x }}", { out: "1" }],
  ['{{ .map.a | printf "%v" }}', { out: "map[x:deep]" }],
  [
    "{{ range .list }}{{ .x }}{{ end }}",
    {
      err: 'template: chart/main.yaml:1:20: executing "chart/main.yaml" at <.x>: can\'t evaluate field x in type interface {}',
    },
  ],
  [
    "{{ .map.x 1 }}",
    {
      err: 'template: chart/main.yaml:1:7: executing "chart/main.yaml" at <.map.x>: x is not a method but has arguments',
    },
  ],
  [
    "{{ 1 | .int }}",
    {
      err: 'template: chart/main.yaml:1:7: executing "chart/main.yaml" at <.int>: int is not a method but has arguments',
    },
  ],
  ["{{ nil }}", { err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <nil>: nil is not a command' }],
  [
    "{{ .on .off }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <.on>: on is not a method but has arguments',
    },
  ],
  [
    '{{ "a" "b" }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <"a">: can\'t give argument to non-function "a"',
    },
  ],
  [
    "{{ 1 2 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <1>: can\'t give argument to non-function 1',
    },
  ],
  [
    "{{ (print 1) 2 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <(print 1) 2>: can\'t give argument to non-function print 1',
    },
  ],
  [
    "{{ $ }}",
    {
      out: 'map[big:1.234567e+06 bytes:[97 98 99] empty: float:1.5 int:7 list:[1 two <nil> map[x:1]] map:map[a:map[x:deep] b:2 k-2:<nil>] nil:<nil> none:[] off:false on:true strings:[p q] text:hi "you"\n]',
    },
  ],
  [
    "{{ true }} {{ 1 }} {{ 1.0 }} {{ 1.5 }} {{ 1e3 }} {{ 0x10 }} {{ 0b11 }} {{ 0o17 }} {{ 017 }} {{ 1_000 }} {{ 'a' }} {{ '\\n' }} {{ \"a\\tb\\u00e9\\x41\\101\" }} {{ `r\\n` }} {{ +5 }} {{ -5 }} {{ .5 }} {{ 5. }} {{ 0x1p4 }}",
    { out: "true 1 1 1.5 1000 16 3 15 15 1000 97 10 a\tbéAA r\\n 5 -5 0.5 5 16" },
  ],
  [
    "{{ 1e21 }} {{ 100000.0 }} {{ 1000000.0 }} {{ .big }} {{ 0.0000012 }} {{ 123456789.0 }}",
    { out: "1e+21 100000 1e+06 1.234567e+06 1.2e-06 1.23456789e+08" },
  ],
  ["{{ 9223372036854775807 }}", { out: "9223372036854775807" }],
  [
    "{{ 9223372036854775808 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <9223372036854775808>: 9223372036854775808 overflows int',
    },
  ],
  ['{{ print 1 2 "a" "b" 3 .nil }}', { out: "1 2ab3 <nil>" }],
  ['{{ println 1 "a" .nil }}', { out: "1 a <nil>\n" }],
  ["{{ print }}", { out: "" }],
  ['{{ printf "%d-%s" 1 "a" }}', { out: "1-a" }],
  ['{{ printf "%d" .float }}', { out: "%!d(float64=1.5)" }],
  ['{{ printf "%s %s" "a" }}', { out: "a %!s(MISSING)" }],
  ['{{ printf "%s" "a" 1 }}', { out: "a%!(EXTRA int=1)" }],
  ['{{ printf "%s" .nil }}', { out: "%!s(<nil>)" }],
  ['{{ printf "%s" .list }}', { out: "[%!s(float64=1) two <nil> map[x:%!s(float64=1)]]" }],
  ['{{ printf "%v" .map }}', { out: "map[a:map[x:deep] b:2 k-2:<nil>]" }],
  [
    "{{ printf 1 }}",
    { err: 'template: chart/main.yaml:1:10: executing "chart/main.yaml" at <1>: expected string; found 1' },
  ],
  ['{{ .text | printf "%q" }}', { out: '"hi \\"you\\"\\n"' }],
  [
    "{{ and }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <and>: wrong number of args for and: want at least 1 got 0',
    },
  ],
  ['{{ and 1 0 2 }} {{ and 1 2 }} {{ or 0 "" }} {{ or 0 3 4 }} {{ or .nil .missing }}', { out: "0 2  3 " }],
  ['{{ and .off (fail "no") }}', { out: "false" }],
  ['{{ or .on (fail "no") }}', { out: "true" }],
  ["{{ 1 | and 0 }} {{ 1 | and 2 }} {{ 0 | or 0 }}", { out: "0 1 0" }],
  ["{{ not 1 }} {{ not 0 }} {{ not .nil }}", { out: "false true true" }],
  [
    '{{ eq 1 1 }} {{ eq 1 2 3 1 }} {{ eq "a" "a" }} {{ eq .nil nil }} {{ eq .nil 1 }} {{ ne 1 2 }}',
    { out: "true true true true false true" },
  ],
  [
    "{{ eq 1 1.0 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <eq 1 1.0>: error calling eq: incompatible types for comparison: int and float64',
    },
  ],
  [
    '{{ eq 1 "1" }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <eq 1 "1">: error calling eq: incompatible types for comparison: int and string',
    },
  ],
  [
    "{{ eq .big 1234567 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <eq .big 1234567>: error calling eq: incompatible types for comparison: float64 and int',
    },
  ],
  [
    "{{ eq 1 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <eq 1>: error calling eq: missing argument for comparison',
    },
  ],
  [
    "{{ eq .list .list }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <eq .list .list>: error calling eq: non-comparable type [%!s(float64=1) two <nil> map[x:%!s(float64=1)]]: []interface {}',
    },
  ],
  [
    "{{ eq .map .list }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <eq .map .list>: error calling eq: non-comparable types map[a:map[x:deep] b:%!s(float64=2) k-2:<nil>]: map[string]interface {}, []interface {}: [1 two <nil> map[x:1]]',
    },
  ],
  ["{{ eq .map nil }}", { out: "false" }],
  [
    '{{ lt 1 2 }} {{ le 2 2 }} {{ gt 3 2 }} {{ ge 1 2 }} {{ lt "a" "b" }} {{ gt 1.5 1.0 }}',
    { out: "true true true false true true" },
  ],
  [
    '{{ lt 1 "a" }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <lt 1 "a">: error calling lt: incompatible types for comparison: int and string',
    },
  ],
  [
    "{{ lt true false }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <lt true false>: error calling lt: invalid type for comparison',
    },
  ],
  [
    "{{ lt .nil 1 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <lt .nil 1>: error calling lt: invalid type for comparison',
    },
  ],
  [
    "{{ gt .float 1 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <gt .float 1>: error calling gt: incompatible types for comparison: float64 and int',
    },
  ],
  ["{{ ne .on .off }}", { out: "true" }],
  ['{{ len .text }} {{ len .list }} {{ len .map }} {{ len "é" }} {{ len .bytes }}', { out: "9 4 3 2 3" }],
  [
    "{{ len .int }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <len .int>: error calling len: len of type int',
    },
  ],
  [
    "{{ len .nil }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <len .nil>: error calling len: len of nil pointer',
    },
  ],
  [
    '{{ index .list 1 }} {{ index .map "b" }} {{ index .map "a" "x" }} {{ index .map "none" }} {{ index .text 0 }}',
    { out: "two 2 deep  104" },
  ],
  [
    "{{ index .list 9 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <index .list 9>: error calling index: index out of range: 9',
    },
  ],
  [
    "{{ index .list 4 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <index .list 4>: error calling index: reflect: slice index out of range',
    },
  ],
  [
    '{{ index .list "a" }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <index .list "a">: error calling index: cannot index slice/array with type string',
    },
  ],
  [
    "{{ index .map 1 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <index .map 1>: error calling index: value has type int; should be string',
    },
  ],
  [
    "{{ index .map nil }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <index .map nil>: error calling index: value is nil; should be of type string',
    },
  ],
  [
    "{{ index .nil 1 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <index .nil 1>: error calling index: index of untyped nil',
    },
  ],
  [
    "{{ index .int 1 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <index .int 1>: error calling index: can\'t index item of type int',
    },
  ],
  [
    '{{ index .map "none" "x" }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <index .map "none" "x">: error calling index: index of nil pointer',
    },
  ],
  [
    "{{ index .list -1 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <index .list -1>: error calling index: index out of range: -1',
    },
  ],
  [
    "{{ index .map.b 1 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <index .map.b 1>: error calling index: can\'t index item of type float64',
    },
  ],
  [
    '{{ slice .list 1 2 }} {{ slice "abcd" 1 3 }} {{ slice "abcd" 2 }} {{ slice "abcd" }} {{ slice .list 1 2 4 }}',
    { out: "[two] bc cd abcd [two]" },
  ],
  [
    '{{ slice "abc" 3 1 }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <slice "abc" 3 1>: error calling slice: invalid slice index: 3 > 1',
    },
  ],
  [
    '{{ slice "abc" 9 }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <slice "abc" 9>: error calling slice: index out of range: 9',
    },
  ],
  [
    "{{ slice .map 1 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <slice .map 1>: error calling slice: can\'t slice item of type map[string]interface {}',
    },
  ],
  [
    '{{ slice "abc" 1 2 3 }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <slice "abc" 1 2 3>: error calling slice: cannot 3-index slice a string',
    },
  ],
  [
    "{{ slice .nil 1 }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <slice .nil 1>: error calling slice: slice of untyped nil',
    },
  ],
  [
    '{{ html "<a href=\'x\'>&\\"" }} {{ html .nil }} {{ html 1 2 }}',
    { out: "&lt;a href=&#39;x&#39;&gt;&amp;&#34; &lt;no value&gt; 1 2" },
  ],
  ['{{ js "it\'s <\\"é\\n\\\\&=\\u2028" }}', { out: "it\\'s \\u003C\\\"é\\u000A\\\\\\u0026\\u003D\\u2028" }],
  ['{{ urlquery "a b/c?d=é&!\'()*~" }}', { out: "a+b%2Fc%3Fd%3D%C3%A9%26%21%27%28%29%2A~" }],
  [
    "{{ call .int }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <call .int>: error calling call: non-function .int of type int',
    },
  ],
  [
    "{{ call .nil }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <call .nil>: error calling call: call of nil',
    },
  ],
  [
    "{{ call nil }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <call nil>: error calling call: call of nil',
    },
  ],
  ['{{ upper "a" }}', { out: "A" }],
  [
    "{{ upper .int }}",
    {
      err: 'template: chart/main.yaml:1:9: executing "chart/main.yaml" at <.int>: wrong type for value; expected string; got int',
    },
  ],
  [
    "{{ upper .nil }}",
    {
      err: 'template: chart/main.yaml:1:9: executing "chart/main.yaml" at <.nil>: wrong type for value; expected string; got interface {}',
    },
  ],
  [
    "{{ upper 1 }}",
    { err: 'template: chart/main.yaml:1:9: executing "chart/main.yaml" at <1>: expected string; found 1' },
  ],
  [
    "{{ upper nil }}",
    { err: 'template: chart/main.yaml:1:9: executing "chart/main.yaml" at <nil>: cannot assign nil to string' },
  ],
  [
    "{{ upper }}",
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <upper>: wrong number of args for upper: want 1 got 0',
    },
  ],
  [
    '{{ upper "a" "b" }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <upper>: wrong number of args for upper: want 1 got 2',
    },
  ],
  [
    "{{ upper (.missing).x }}",
    {
      err: 'template: chart/main.yaml:1:10: executing "chart/main.yaml" at <.missing>: invalid value; expected string',
    },
  ],
  ["{{ addint 1 2.0 }}", { out: "3" }],
  [
    "{{ addint 1 2.5 }}",
    { err: 'template: chart/main.yaml:1:12: executing "chart/main.yaml" at <2.5>: expected integer; found 2.5' },
  ],
  [
    "{{ addint .float 1 }}",
    {
      err: 'template: chart/main.yaml:1:10: executing "chart/main.yaml" at <.float>: wrong type for value; expected int; got float64',
    },
  ],
  ["{{ addint 'a' 1 }}", { out: "98" }],
  ["{{ flt 1 }}", { out: "1" }],
  [
    "{{ flt .int }}",
    {
      err: 'template: chart/main.yaml:1:7: executing "chart/main.yaml" at <.int>: wrong type for value; expected float64; got int',
    },
  ],
  ["{{ yes true }}", { out: "true" }],
  ["{{ yes 1 }}", { err: 'template: chart/main.yaml:1:7: executing "chart/main.yaml" at <1>: expected bool; found 1' }],
  ["{{ keys .map }} {{ keys nil }}", { out: "3 0" }],
  [
    "{{ keys .nil }}",
    {
      err: 'template: chart/main.yaml:1:8: executing "chart/main.yaml" at <.nil>: wrong type for value; expected map[string]interface {}; got interface {}',
    },
  ],
  [
    "{{ keys .list }}",
    {
      err: 'template: chart/main.yaml:1:8: executing "chart/main.yaml" at <.list>: wrong type for value; expected map[string]interface {}; got []interface {}',
    },
  ],
  [
    '{{ keys "a" }}',
    {
      err: 'template: chart/main.yaml:1:8: executing "chart/main.yaml" at <"a">: can\'t handle "a" for arg of type map[string]interface {}',
    },
  ],
  [
    '{{ keys (smap "a" "b") }}',
    {
      err: 'template: chart/main.yaml:1:18: executing "chart/main.yaml" at <"b">: wrong type for value; expected map[string]interface {}; got map[string]string',
    },
  ],
  ["{{ first .list }} {{ first (list 1 2) }}", { out: "1 1" }],
  [
    "{{ first .strings }}",
    {
      err: 'template: chart/main.yaml:1:9: executing "chart/main.yaml" at <.strings>: wrong type for value; expected []interface {}; got []string',
    },
  ],
  ['{{ strs "a" .text }}', { out: '[a hi "you"\n]' }],
  [
    '{{ strs "a" 1 }}',
    { err: 'template: chart/main.yaml:1:12: executing "chart/main.yaml" at <1>: expected string; found 1' },
  ],
  ['{{ (smap "a" "b").a }}|{{ (smap "a" "b").c }}|{{ index (smap "a" "b") "c" }}', { out: "b||" }],
  [
    '{{ fail "broken" }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <fail "broken">: error calling fail: broken',
    },
  ],
  ['x {{ list 1 nil "a" .map.b }} y', { out: "x [1 <nil> a 2] y" }],
  ["{{ default 1 }} {{ default 1 .nil }} {{ .int | default 2 }}", { out: "1 1 7" }],
  ['{{ include "h" . }}', { out: "[7]" }],
  [
    '{{ include "none" . }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <include "none" .>: error calling include: template: no template "none" associated with template "gotpl"',
    },
  ],
  [
    '{{ include "bad" . }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <include "bad" .>: error calling include: template: chart/_helpers.tpl:2:9: executing "bad" at <.nil.x>: nil pointer evaluating interface {}.x',
    },
  ],
  ['{{ include "h" .nil }}', { out: "[]" }],
  ['{{ tpl "{{ .int }}" . }}', { out: "7" }],
  ['{{ tpl "{{ .missing }}x" . }}', { out: "x" }],
  ['{{ tpl "no action" . }}', { out: "no action" }],
  [
    '{{ tpl "{{ .nil.x }}" . }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <tpl "{{ .nil.x }}" .>: error calling tpl: error during tpl function execution for "{{ .nil.x }}": template: gotpl:1:7: executing "gotpl" at <.nil.x>: nil pointer evaluating interface {}.x',
    },
  ],
  [
    '{{ tpl "{{ bad" . }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <tpl "{{ bad" .>: error calling tpl: cannot parse template "{{ bad": template: gotpl:1: function "bad" not defined',
    },
  ],
  [
    '{{ tpl "{{ nofunc }}" . }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <tpl "{{ nofunc }}" .>: error calling tpl: cannot parse template "{{ nofunc }}": template: gotpl:1: function "nofunc" not defined',
    },
  ],
  ['{{ tpl `{{ define "h" }}new{{ end }}{{ include "h" . }}` . }} {{ include "h" . }}', { out: "new [7]" }],
  [
    '{{ tpl `{{ define "n" }}new{{ end }}` . }}{{ include "n" . }}',
    {
      err: 'template: chart/main.yaml:1:45: executing "chart/main.yaml" at <include "n" .>: error calling include: template: no template "n" associated with template "gotpl"',
    },
  ],
  [
    '{{ include "gotpl" . }}',
    {
      err: 'template: chart/main.yaml:1:3: executing "chart/main.yaml" at <include "gotpl" .>: error calling include: template: no template "gotpl" associated with template "gotpl"',
    },
  ],
];

/** Texts that cannot be parsed, and some that look as if. Recorded from Go 1.26's own text/template and fmt: what they give for each template or format. */
export const parsed: readonly Fact[] = [
  ["{{", { err: "template: chart/main.yaml:1: unclosed action" }],
  ["{{ .a", { err: "template: chart/main.yaml:1: unclosed action" }],
  ["{{ .a }", { err: 'template: chart/main.yaml:1: unexpected "}" in operand' }],
  ['{{ "a }}', { err: "template: chart/main.yaml:1: unterminated quoted string" }],
  ["{{ `a }}", { err: "template: chart/main.yaml:1: unterminated raw quoted string" }],
  ["{{ 'a }}", { err: "template: chart/main.yaml:1: unterminated character constant" }],
  ["{{ (.a }}", { err: "template: chart/main.yaml:1: unclosed left paren" }],
  ["{{ .a) }}", { err: "template: chart/main.yaml:1: unexpected right paren" }],
  ["{{ if }}{{ end }}", { err: "template: chart/main.yaml:1: missing value for if" }],
  ["{{ if .a }}", { err: "template: chart/main.yaml:1: unexpected EOF" }],
  ["{{ end }}", { err: "template: chart/main.yaml:1: unexpected {{end}}" }],
  ["{{ else }}", { err: "template: chart/main.yaml:1: unexpected {{else}}" }],
  ["{{ if .a }}{{ else }}{{ else }}{{ end }}", { err: "template: chart/main.yaml:1: expected end; found {{else}}" }],
  ["{{ if .a }}{{ else if }}{{ end }}", { err: "template: chart/main.yaml:1: missing value for if" }],
  ["{{ range .a }}{{ else if .b }}{{ end }}", { err: "template: chart/main.yaml:1: unexpected <if> in input" }],
  ["{{ break }}", { err: "template: chart/main.yaml:1: {{break}} outside {{range}}" }],
  ["{{ continue 1 }}", { err: 'template: chart/main.yaml:1: unexpected "1" in {{continue}}' }],
  [
    '{{ range .a }}{{ define "x" }}{{ break }}{{ end }}{{ end }}',
    { err: "template: chart/main.yaml:1: unexpected <define> in command" },
  ],
  [
    '{{ if .a }}{{ define "x" }}{{ end }}{{ end }}',
    { err: "template: chart/main.yaml:1: unexpected <define> in command" },
  ],
  ["{{ define }}", { err: 'template: chart/main.yaml:1: unexpected "}}" in define clause' }],
  ["{{ define x }}{{ end }}", { err: 'template: chart/main.yaml:1: unexpected "x" in define clause' }],
  ['{{ define "x" }}', { err: "template: chart/main.yaml:1: unexpected EOF" }],
  ['{{ define "x" }}{{ else }}{{ end }}', { err: "template: chart/main.yaml:1: unexpected {{else}} in define clause" }],
  ['{{ define "x" . }}{{ end }}', { err: "template: chart/main.yaml:1: unexpected <.> in define clause" }],
  ["{{ template }}", { err: 'template: chart/main.yaml:1: unexpected "}}" in template clause' }],
  ["{{ template x }}", { err: 'template: chart/main.yaml:1: unexpected "x" in template clause' }],
  [
    '{{ template "x" . . | }}',
    {
      err: 'template: chart/main.yaml:1:12: executing "chart/main.yaml" at <{{template "x" . .}}>: template "x" not defined',
    },
  ],
  ['{{ block "x" }}{{ end }}', { err: "template: chart/main.yaml:1: missing value for block clause" }],
  ["{{ nofunc }}", { err: 'template: chart/main.yaml:1: function "nofunc" not defined' }],
  ["{{ nofunc.x }}", { err: 'template: chart/main.yaml:1: function "nofunc" not defined' }],
  ["{{ $x }}", { err: 'template: chart/main.yaml:1: undefined variable "$x"' }],
  [
    "{{ $x = 1 }}",
    { err: 'template: chart/main.yaml:1:8: executing "chart/main.yaml" at <1>: undefined variable: $x' },
  ],
  ["{{ $x, $y := 1 }}", { err: "template: chart/main.yaml:1: too many declarations in command" }],
  ["{{ range $a, $b, $c := .x }}{{ end }}", { err: "template: chart/main.yaml:1: too many declarations in range" }],
  ["{{ range $a, .b := .x }}{{ end }}", { err: "template: chart/main.yaml:1: range can only initialize variables" }],
  ["{{ $x : 1 }}", { err: 'template: chart/main.yaml:1: undefined variable "$x"' }],
  ["{{ .a | 1 }}", { err: "template: chart/main.yaml:1: non executable command in pipeline stage 2" }],
  ["{{ .a | . }}", { err: "template: chart/main.yaml:1: non executable command in pipeline stage 2" }],
  ['{{ .a | "x" | print }}', { err: "template: chart/main.yaml:1: non executable command in pipeline stage 2" }],
  ["{{ | .a }}", { err: 'template: chart/main.yaml:1: unexpected "|" in command' }],
  ["{{ .a | }}", { out: "" }],
  ["{{ () }}", { err: "template: chart/main.yaml:1: missing value for parenthesized pipeline" }],
  ["{{ 1.5.2 }}", { err: 'template: chart/main.yaml:1: unexpected ".2" in operand' }],
  ["{{ 0x }}", { err: 'template: chart/main.yaml:1: illegal number syntax: "0x"' }],
  ["{{ 08 }}", { err: 'template: chart/main.yaml:1: integer overflow: "08"' }],
  ["{{ 1a }}", { err: 'template: chart/main.yaml:1: bad number syntax: "1a"' }],
  ["{{ 99999999999999999999 }}", { err: 'template: chart/main.yaml:1: integer overflow: "99999999999999999999"' }],
  ["{{ 1e400 }}", { err: 'template: chart/main.yaml:1: illegal number syntax: "1e400"' }],
  ["{{ 1__0 }}", { err: 'template: chart/main.yaml:1: illegal number syntax: "1__0"' }],
  ["{{ 'ab' }}", { err: "template: chart/main.yaml:1: malformed character constant: 'ab'" }],
  ["{{ '' }}", { err: "template: chart/main.yaml:1: invalid syntax" }],
  ['{{ "\\q" }}', { err: "template: chart/main.yaml:1: invalid syntax" }],
  ['{{ "\\\'" }}', { err: "template: chart/main.yaml:1: invalid syntax" }],
  ['{{ "\\ud800" }}', { err: "template: chart/main.yaml:1: invalid syntax" }],
  ["{{ .a..b }}", { err: "template: chart/main.yaml:1: unexpected <.> in operand" }],
  ["{{ ..a }}", { err: 'template: chart/main.yaml:1: unexpected . after term "."' }],
  ["{{ .a% }}", { err: "template: chart/main.yaml:1: bad character U+0025 '%'" }],
  ["{{ % }}", { err: 'template: chart/main.yaml:1: unexpected "%" in command' }],
  ['{{ .a"b" }}', { err: "template: chart/main.yaml:1: bad character U+0022 '\"'" }],
  ["{{ ☃ }}", { err: "template: chart/main.yaml:1: unrecognized character in action: U+2603 '☃'" }],
  ["{{ $$ }}", { err: "template: chart/main.yaml:1: bad character U+0024 '$'" }],
  ["{{ 1.a }}", { err: 'template: chart/main.yaml:1: bad number syntax: "1.a"' }],
  ["{{ true.a }}", { err: 'template: chart/main.yaml:1: unexpected . after term "true"' }],
  ["{{ nil.a }}", { err: 'template: chart/main.yaml:1: unexpected . after term "nil"' }],
  ['{{ "a".b }}', { err: 'template: chart/main.yaml:1: unexpected . after term "\\"a\\""' }],
  ["{{ .. }}", { err: "template: chart/main.yaml:1: unexpected <.> in operand" }],
  ["{{/* a", { err: "template: chart/main.yaml:1: unclosed comment" }],
  ["{{/* a */ }}", { err: "template: chart/main.yaml:1: comment ends before closing delimiter" }],
  ["{{/* a */ -}}", { out: "" }],
  ["x\n{{ if .a }}\n{{ .b", { err: "template: chart/main.yaml:3: unclosed action" }],
  [
    'x\n{{ print\n"a',
    { err: "template: chart/main.yaml:3: unterminated quoted string in action started at chart/main.yaml:2" },
  ],
  ["{{ .a,b }}", { err: 'template: chart/main.yaml:1: unexpected "," in operand' }],
  ["{{ print 1,2 }}", { err: 'template: chart/main.yaml:1: unexpected "," in operand' }],
  ["{{ a:b }}", { err: 'template: chart/main.yaml:1: function "a" not defined' }],
  ["{{ {{ }}", { err: 'template: chart/main.yaml:1: unexpected "{" in command' }],
  [
    "{{ . }}}}",
    {
      out: 'map[big:1.234567e+06 bytes:[97 98 99] empty: float:1.5 int:7 list:[1 two <nil> map[x:1]] map:map[a:map[x:deep] b:2 k-2:<nil>] nil:<nil> none:[] off:false on:true strings:[p q] text:hi "you"\n]}}',
    },
  ],
  ["{{ }}", { err: "template: chart/main.yaml:1: missing value for command" }],
  ["{{- }}", { err: "template: chart/main.yaml:1: missing value for command" }],
  ["{{ -}}", { err: "template: chart/main.yaml:1: missing value for command" }],
  ["{{-}}", { err: 'template: chart/main.yaml:1: illegal number syntax: "-"' }],
  [
    '{{ if .a }}{{ block "x" . }}\n{{ else }}{{ end }}{{ end }}',
    { err: "template: chart/main.yaml:1: unexpected {{else}} in block clause" },
  ],
  ["{{ with .a }}{{ else with }}{{ end }}", { err: "template: chart/main.yaml:1: missing value for with" }],
  ["{{ $x := }}", { err: "template: chart/main.yaml:1: missing value for command" }],
  ["{{ print $x := 1 }}", { err: 'template: chart/main.yaml:1: undefined variable "$x"' }],
  ["{{ longidentifier longer }}", { err: 'template: chart/main.yaml:1: function "longidentifier" not defined' }],
  ['{{ "a long string literal" := }}', { err: 'template: chart/main.yaml:1: unexpected ":=" in operand' }],
  ["{{ end 1 }}", { err: 'template: chart/main.yaml:1: unexpected "1" in end' }],
  ["{{ if .a }}{{ end x }}", { err: 'template: chart/main.yaml:1: unexpected "x" in end' }],
  ["{{ $x\n print }}", { err: 'template: chart/main.yaml:2: undefined variable "$x"' }],
  ["{{ print\n$x\n}}", { err: 'template: chart/main.yaml:2: undefined variable "$x"' }],
  ['{{ "a".f\n.g }}', { err: 'template: chart/main.yaml:1: unexpected . after term "\\"a\\""' }],
  ["{{ (print).f\n.g.h 'ab' }}", { err: "template: chart/main.yaml:2: malformed character constant: 'ab'" }],
  ["{{ print true.f.g\n}}", { err: 'template: chart/main.yaml:1: unexpected . after term "true"' }],
  [
    "{{ if true }}\n{{ else }}\n{{ else }}\n{{ end }}",
    { err: "template: chart/main.yaml:3: expected end; found {{else}}" },
  ],
  ["{{ print 1 |\n1\n}}", { err: "template: chart/main.yaml:3: non executable command in pipeline stage 2" }],
  ["{{ print 'a' '\\'' '\\\\' }}", { out: "97 39 92" }],
  ["{{ `a\\` }}", { out: "a\\" }],
  ['{{ "a\\\\" }}', { out: "a\\" }],
  ['{{ "a\\\\\\"" }}', { out: 'a\\"' }],
  ['{{ "a\\', { err: "template: chart/main.yaml:1: unterminated quoted string" }],
  ['{{ "a\\\n" }}', { err: "template: chart/main.yaml:1: unterminated quoted string" }],
  ["{{ 'a\\\n' }}", { err: "template: chart/main.yaml:1: unterminated character constant" }],
  ["{{ print 1 -}}\n x", { out: "1x" }],
  ["{{ print 1  \n -}} x", { out: "1x" }],
  ['{{ print "a"-}} x', { err: 'template: chart/main.yaml:1: unexpected "-" in operand' }],
  ["{{ print 1-}} x", { err: 'template: chart/main.yaml:1: bad number syntax: "1-"' }],
  ["{{ (print 1 -}}", { err: "template: chart/main.yaml:1: unclosed left paren" }],
  ["{{ print 12|print }}", { out: "12" }],
  ["{{ print (12)}}", { out: "12" }],
  ["{{ print 7}}{{ print 100 0 00 0x1F }}", { out: "7100 0 0 31" }],
  ["{{ print 7,8 }}", { err: 'template: chart/main.yaml:1: unexpected "," in operand' }],
  ["{{ range\n$a,\n1 := . }}", { err: "template: chart/main.yaml:3: range can only initialize variables" }],
  [
    "{{ $a := 1 }}{{ $a\n}}{{ $a\n.b }}",
    {
      err: 'template: chart/main.yaml:2:5: executing "chart/main.yaml" at <$a>: can\'t give argument to non-function $a',
    },
  ],
  ["{{ $a := 1 }}{{ $a ☃ }}", { err: "template: chart/main.yaml:1: unrecognized character in action: U+2603 '☃'" }],
  ["{{ $b ☃ }}", { err: 'template: chart/main.yaml:1: undefined variable "$b"' }],
  ["{{ print (print\n$c) }}", { err: 'template: chart/main.yaml:2: undefined variable "$c"' }],
  ["{{/* a */}}{{- /* b */ -}} {{ print `a\r\nb` }}", { out: "a\nb" }],
  [
    '{{ range $i, $e := "" }}{{ end }}',
    { err: 'template: chart/main.yaml:1:19: executing "chart/main.yaml" at <"">: range can\'t iterate over ' },
  ],
  ["{{ print\tnil\r\n}}", { out: "<nil>" }],
  ["{{ print . .}}{{ print 'a'.b }}", { err: "template: chart/main.yaml:1: unexpected . after term \"'a'\"" }],
];
