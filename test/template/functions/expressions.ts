/**
 * Expressions whose results do not depend on time, chance or map order: every function of sprig and Helm that is so, with
 * the arguments where it is easily got wrong. The real helm says what is right. A table, as
 * long as there are functions.
 */
export const expressions: readonly string[] = String.raw`
default "a" "" | quote
default "a" nil | quote
default 5 0
default 5 .missing
default "x" .v.list
default "x" .v.emptyList
default "x" .v.false
default (list 1) (dict)
"given" | default "d"
empty ""
empty .v.zero
empty .v.emptyMap
empty (dict "a" 1)
empty nil
coalesce 0 "" nil "x" "y"
coalesce 0 "" | printf "%v"
coalesce
all 1 "a" true
all 1 "" true
all
any 0 "" 1
any 0 ""
any
compact (list 1 0 "" "a" nil false true) | toJson
ternary "yes" "no" true
ternary "yes" "no" (eq 1 2)
hello
trim "  a b \t\n"
trim "\u00a0\u2003x\u0085" | quote
trimAll "$" "$5.00$"
trimAll "ab" "abcba"
trimAll "" " a "
trimall "-" "--a--"
trimSuffix "-" "hello-"
trimSuffix "" "hello"
trimPrefix "he" "hello"
upper "straße é ŉ"
lower "ÀÉÎ ΑΣ İ"
title "hello wORLD foo-bar it's 1st éa_b c.d"
untitle "Hello World  FOO"
swapcase "This Is A.Test éÉ"
initials "First Try  of three"
nospace " a b\tc\n d "
camelcase "http_server"
camelcase "foo-bar baz_qux"
camelcase "_complex__case_"
camelcase "GOLANG_IS_GREAT"
camelcase "aBc.def"
camelcase "-"
camelcase ""
snakecase "FirstName"
snakecase "HTTPServer"
snakecase "NoHTTPS"
snakecase "GO PATH-x_y"
snakecase "http2xx"
snakecase "HTTP20xOK"
snakecase "Duration2m3s"
snakecase "Bld4Floor3rd"
snakecase "a.b.C-1éX  y"
snakecase "__a"
kebabcase "FirstName"
kebabcase "HTTPServerID2"
kebabcase "foo_bar Baz"
kebabcase "v1.2.3-Rc1"
trunc 5 "hello world"
trunc -5 "hello world"
trunc 50 "hello"
trunc -50 "hello"
trunc 0 "hello" | quote
trunc 3 "aé€b" | quote
substr 0 5 "hello world"
substr 6 -1 "hello world"
substr -1 3 "hello"
substr 2 99 "hello"
substr 5 5 "hello" | quote
abbrev 5 "hello world"
abbrev 3 "hello world"
abbrev 50 "hello"
abbrevboth 5 10 "1234 5678 9123"
abbrevboth 5 20 "1234 5678 9123 1234 5678 9123"
abbrevboth 1 5 "1234 5678 9123"
abbrevboth 10 9 "1234 5678 9123 5678"
contains "cat" "catch"
hasPrefix "cat" "catch"
hasSuffix "cat" "catch"
quote "a\"b\\c" 1 nil true 1.5
quote "tab\there\x01\u2028é😀"
quote nil
quote
quote (list "a" 1)
quote .v.float .v.int .v.big
squote "a'b" 1 nil
squote (dict "a" 1)
cat "a" 1 nil "b" 1.5 (list 1)
cat "" "a" ""
cat
indent 4 "a\nb\n"
nindent 2 "a\n\nb"
indent 0 "x\ny"
replace "a" "b" "banana"
replace "" "-" "abc"
replace "é" "" "éa"
plural "one" "many" 1
plural "one" "many" 0
repeat 3 "ab"
repeat 0 "ab" | quote
wrap 10 "the quick brown fox jumped over"
wrap 5 "abcdefghij klm nopqrst"
wrap 80 "short"
wrapWith 5 "\t" "hello world foo"
wrapWith 4 "--" "abcdefghij kl"
wrapWith 0 "" "ab c"
toString 1.0
toString nil
toString (list 1 "a" nil)
toStrings (list 1 "a" 1.5 nil true) | toJson
toStrings "abc" | toJson
toStrings nil | toJson
join "," (list 1 "a" nil 2.5)
join "-" "abc"
join "-" nil | quote
join "," .v.list
sortAlpha (list "b" "a" 10 9 "B" "é" "😀" "￿") | toJson
sortAlpha "abc" | toJson
split "," "a,b,c" | toJson
split "" "abc" | toJson
(split "." "a.b")._1
splitn "." 2 "a.b.c" | toJson
splitn "." 0 "a.b.c" | toJson
splitn "." -1 "a.b.c" | toJson
splitList "," "a,b,,c" | toJson
splitList "" "aé" | toJson
splitList "," "" | toJson
list 1 "a" nil | toJson
list
tuple 1 2
append (list 1 2) 3
push (list 1) (list 2)
prepend (list 1) 0
mustAppend (list 1 2) 3
mustPrepend (list 1) nil
first (list 1 2)
first list
last (list 1 2)
last (list)
rest (list 1 2 3)
rest (list 1)
rest (list)
initial (list 1 2 3)
initial (list)
mustFirst .v.list
mustLast .v.list
mustRest .v.list
mustInitial .v.list
reverse (list 1 2 3)
mustReverse (splitList "," "a,b")
uniq (list 1 1.0 "1" 1 (list 1) (list 1) (dict "a" 1) (dict "a" 1)) | toJson
mustUniq (list "b" "a" "b")
without (list 1 2 3 2) 2 3
mustWithout (list "a" "b") "a"
has 4 (list 1 2 4)
has 4.0 (list 1 2 4)
has "a" nil
mustHas "b" .v.list
slice (list 1 2 3 4) 1 3
slice (list 1 2 3 4) 2
slice (list 1 2 3 4)
slice (list)
mustSlice .v.list 0 1
mustSlice (list 1 2 3) "1" 2.9
chunk 2 (list 1 2 3 4 5)
chunk 5 (list 1 2 3 4 5)
chunk 3 (list)
mustChunk 2 .v.list
concat (list 1) (list 2 3) .v.list
concat
kindOf (concat)
dict "a" 1 "b" | toJson
dict 1 2 true 3 | toJson
get (dict "a" 1) "a"
get (dict "a" 1) "b" | quote
set (dict "a" 1) "b" 2 | toJson
unset (dict "a" 1 "b" 2) "a" | toJson
hasKey (dict "a" nil) "a"
hasKey .v.map "zz"
pluck "a" (dict "a" 1) (dict "b" 2) (dict "a" nil) | toJson
keys (dict "b" 1 "a" 2 "c" 3) | sortAlpha | toJson
keys | toJson
values (dict "a" 1) | toJson
pick .v.map "a" "zz" | toJson
omit .v.map "a" | toJson
dig "a" "b" "default" (dict "a" (dict "b" 1))
dig "a" "c" "default" (dict "a" (dict "b" 1))
dig "x" "y" "default" .v.map
dig "nested" "deep" "d" .v.map
merge (dict "a" 1) (dict "a" 2 "b" 3) | toJson
merge (dict "a" 0 "b" "" "c" false "d" nil "e" (list) "f" (dict)) (dict "a" 1 "b" "x" "c" true "d" 1 "e" (list 1) "f" (dict "x" 1)) | toJson
merge (dict "a" (dict "b" 1 "c" (dict "d" 1))) (dict "a" (dict "b" 2 "c" (dict "d" 2 "e" 3) "f" 4)) | toJson
merge (dict "a" (list 1)) (dict "a" (list 2 3)) | toJson
merge (dict "a" "x") (dict "a" (dict "b" 1)) | toJson
merge (dict "a" (dict "b" 1)) (dict "a" "x") | toJson
merge (dict "a" 1) (dict "b" nil) | toJson
merge (dict) (dict "a" (list) "b" (dict) "c" 0) | toJson
mergeOverwrite (dict "a" 1 "b" (dict "c" 1)) (dict "a" 2 "b" (dict "c" 0 "d" nil)) | toJson
mergeOverwrite (dict "a" "x" "b" true "c" (list 1) "d" (dict "e" 1)) (dict "a" "" "b" false "c" (list) "d" (dict)) | toJson
mergeOverwrite (dict "a" (dict "b" 1)) (dict "a" "x") | toJson
mergeOverwrite (dict "a" "x") (dict "a" (dict "b" 1)) | toJson
mergeOverwrite (dict "a" 1) (dict "a" nil) | toJson
mergeOverwrite (dict "a" 1) (dict "a" 2) (dict "a" 3 "b" 4) | toJson
mustMerge (dict "a" 1) (dict "b" 2) | toJson
mustMergeOverwrite (dict "a" 1) (dict "a" 2) | toJson
$s := dict "x" (dict "y" 1) | toJson
deepCopy .v.map | toJson
mustDeepCopy (list 1 (dict "a" (list 2))) | toJson
int "0x1F"
int "010"
int "08"
int "1_000"
int "12.0"
int "12.5"
int "abc"
int 1.9
int -1.9
int true
int nil
int (list)
int "" 
int "9223372036854775808"
int 1e30
int64 "42"
float64 "1.5e3"
float64 "abc"
float64 "inf"
float64 "1_0"
float64 true
float64 7
atoi "42"
atoi "abc"
atoi "010"
atoi "99999999999999999999"
toDecimal "777"
toDecimal 0777
toDecimal "8"
add 1 2 3
add
add "1" 2.9 nil true
add1 5
add1 "x"
sub 5 3
mul 2 3 4
mul "2" "3"
div 10 3
div -10 3
mod 10 3
mod -10 3
add 9223372036854775807 1
max 1 5 3
max 1.9 "2"
biggest 1 2
min 5 2 8
maxf 1.5 2.5
minf 1.5 "0.5" 3
addf 1.1 2.2
addf 0.1 0.2 0.3
addf
add1f 1.5
subf 3 0.1 0.2
mulf 1.1 1.1 1.1
divf 10 3
divf 1 3 3
divf 2 -3
mulf 1e10 1e10
ceil 1.1
ceil "-1.5"
floor 1.9
floor -1.1
round 123.5555 3
round 123.4444 3
round -2.5 0
round 1.5 0
round 123.5 0 0.6
round 1234.5 -2
until 5
until 0
until -3
untilStep 3 6 2
untilStep 6 3 -1
untilStep 3 6 0
untilStep 3 6 -1
seq 5
seq -3
seq 0 2
seq 2 -2
seq 0 2 10
seq 0 -2 -5
seq 5 2 1
seq
kindOf (until 2)
typeOf (until 2)
sha1sum "hello"
sha256sum "héllo"
sha512sum ""
adler32sum "hello"
b64enc "héllo"
b64dec "aMOpbGxv"
b64dec "aMOp\nbGxv"
b64dec "aGk"
b64dec "aGk="
b64dec "aG=k"
b64dec "a"
b64dec "!!!!"
b64dec "aGk=x"
b64dec "YQ==" 
b64dec "YQ=" 
b64dec "YQ=a"
b64dec "YQ==\n"
b64dec "" | quote
b32enc "hello"
b32enc "a"
b32enc ""
b32dec "NBSWY3DP"
b32dec "ME======"
base "/a/b.c/"
base ""
base "///"
dir "/a/b/c"
dir "a"
dir ""
dir "/a"
dir "/"
clean "a//b/../c/./d/"
clean "/../a"
clean "../../a/.."
clean ""
ext "a/b.tar.gz"
ext "a.b/c"
isAbs "/a"
isAbs "a"
osBase "/a/b"
osDir "/a/b"
osExt "x.yaml"
osClean "/a/../b"
osIsAbs "./a"
urlParse "http://admin:se%20cret@server.com:8080/api/v1?list=false#anchor" | toJson
urlParse "mailto:a@b.c" | toJson
urlParse "/a%20b/c?x=1&y=%20" | toJson
urlParse "//host/path" | toJson
urlParse "HTTP://[::1]:80/x" | toJson
urlParse "oci://reg.example.com/a/b:1.0" | toJson
urlParse "host/path" | toJson
urlParse "" | toJson
urlParse "https://ex.com?" | toJson
urlParse "file:///etc/passwd" | toJson
urlParse "http://a.b/%C3%A9#f%20x" | toJson
urlJoin (dict "scheme" "http" "host" "host:80" "path" "/p" "query" "q=1" "fragment" "f")
urlJoin (dict "scheme" "http" "host" "host:80" "path" "p a" "userinfo" "u:p@w")
urlJoin (dict "path" "a:b")
urlJoin (dict "scheme" "mailto" "opaque" "x@y")
urlJoin (dict "host" "h")
urlJoin (dict "scheme" "file" "path" "/x y?z")
urlJoin (dict)
urlJoin (urlParse "http://u:p@h/a%2Fb?x#y")
getHostByName "example.com" | quote
semverCompare "^1.2.0" "1.9.9"
semverCompare ">=1.2.x <2 || 3" "3.1.0"
semverCompare "1.2 - 2.3" "2.3.9"
semverCompare "~1.2" "v1.2.9"
semverCompare ">1.2.3-beta.1" "1.2.3-beta.2"
semverCompare ">=1.21-0" "v1.30.2-gke.100"
semverCompare "*" "1.0.0-rc1"
semverCompare ">= 1.19-0, < 2" "1.25.3+k3s1"
(semver "v1.2.3-beta.1+b").Minor
(semver "v1.2.3-beta.1+b").Prerelease
(semver "1.2") | toString
(semver "1.2.3").Original
(semver "1.2.3").Compare (semver "1.2.4")
semver "1.2.3" | toJson
regexMatch "^a.c$" "abc"
regexMatch "[" "abc"
mustRegexMatch "(?i)ABC" "xabcx"
regexFind "[a-z]+([0-9])" "foo12"
regexFind "x" "abc" | quote
mustRegexFind "\\pL+" "12éa"
regexFindAll "a(b)?" "ab a abb" -1 | toJson
regexFindAll "a" "aaaa" 2 | toJson
regexFindAll "x" "aaaa" -1 | toJson
regexFindAll "" "ab" -1 | toJson
mustRegexFindAll "[2,4,6,8]" "123456789" -1 | toJson
regexReplaceAll "a(x*)b" "-ab-axxb-" "$${1}W"
regexReplaceAll "a(x*)b" "-ab-axxb-" "$${1}W" | quote
regexReplaceAll "a(x*)b" "-ab-axxb-" "$1W"
regexReplaceAll "(?P<first>[a-z])(?P<rest>[a-z]*)" "hello world" "$rest$first"
regexReplaceAll "x*" "abc" "-"
regexReplaceAll "[^-a-z0-9]" "Foo_Bar.1" "-"
regexReplaceAll "(a)|(b)" "ab" "[$1$2$$]"
regexReplaceAllLiteral "a(x*)b" "-ab-axxb-" "$1"
mustRegexReplaceAll "\\s+" "a  b\tc" " "
mustRegexReplaceAllLiteral "\\.0*$" "1.000" ""
regexSplit "z+" "pizza" -1 | toJson
regexSplit "z" "pizza" 0 | toJson
regexSplit "z" "pizza" 1 | toJson
regexSplit "z" "pizza" 2 | toJson
regexSplit "" "abc" -1 | toJson
regexSplit "," "" -1 | toJson
regexSplit "a*" "baaac" -1 | toJson
regexSplit "c" "abc" -1 | toJson
mustRegexSplit "a" "banana" -1 | toJson
regexQuoteMeta "1.2.3-a+b*[x](y){z}^$|\\?"
typeOf 1.5
typeOf "a"
typeOf (list)
typeOf (dict)
typeOf nil
typeOf true
typeOf (splitList "," "a")
typeOf .v.int
typeIs "string" "a"
typeIs "float64" .v.int
typeIsLike "string" "a"
kindOf (list)
kindOf (dict)
kindOf nil
kindOf "a"
kindOf (splitList "," "a")
kindOf 1.5
kindIs "map" .v.map
kindIs "slice" .v.list
kindIs "bool" true
kindIs "invalid" nil
deepEqual (list 1 2) (list 1 2)
deepEqual (list 1) (list 1.0)
deepEqual (dict "a" (list 1)) (dict "a" (list 1))
deepEqual (splitList "," "a") (list "a")
toYaml .v
toYaml (list) 
toYaml (dict)
toYaml "multi\nline\n"
toYaml "yes"
toYaml nil
toYaml 1.5
toYaml 10
toYaml 1000000.0
toYaml (dict "a" (list (dict "b" 1 "c" (list)) (list 1 2)) "k" "<&>")
toYaml (until 3)
mustToYaml (dict "b" 1 "a" "x: y")
toYamlPretty .v
toYamlPretty (dict "a" (list 1 (dict "b" (list 2))))
toYamlPretty (list 1 2)
toJson .v
toJson "<a&b>\u2028\x01é😀"
toJson 1e21
toJson 1e-7
toJson 100000000.0
mustToJson (list 1 nil)
toPrettyJson (dict "a" (list 1 (dict)) "b" (list))
mustToPrettyJson (list)
toRawJson (dict "a" "<&>")
mustToRawJson "<"
fromJson "{\"a\":[1,2.5,null,\"x\"]}" | toJson
fromJson "null"
fromJson "[1]" | toJson
fromJsonArray "[1,\"a\",{}]" | toJson
fromJsonArray "{}" | toJson
mustFromJson "[1,{\"a\":true}]" | toJson
fromYaml "a: 1\nb: [x, yes, 010, 0x10, 1e3, ~]\nc: 2001-01-01" | toJson
fromYaml "" | toJson
fromYaml "- 1" | toJson
fromYaml "a" | toJson
fromYaml "1: a\ntrue: b\n1.5: c\n0x10: d" | toJson
fromYaml "base: &b {x: 1, y: 2}\nd:\n  x: 9\n  <<: *b\n  y: 3" | toJson
fromYaml "a: 1\na: 2" | toJson
fromYaml "a: !!str 1\nb: !!int \"2\"\nc: !!float 3\nd: !!binary aGk=\ne: !custom x" | toJson
fromYaml "---\na: 1\n---\nb: 2" | toJson
fromYaml "a: |-\n  x\n  y\nb: >\n  x\n  y\n" | toJson
fromYamlArray "- a\n- 1\n- {b: c}" | toJson
fromYamlArray "a: 1" | toJson
fromYamlArray "" | toJson
toToml (dict "b" 1 "a" "x\"y" "t" (dict "c" 1.0 "d" (list 1 2) "u" (dict "v" true)) "n" nil "f" 1.5)
toToml (dict "l" (list (dict "a" 1) (dict "b" (dict "c" 2))) "q.k" "v")
toToml .v.map
fromToml "a = 1\nb = \"x\"\n[t]\nc = [1, 2]\nd = 1.5\n[[l]]\nx = true\n[[l]]\ny.z = 'lit'" | toJson
fromToml "s = \"\"\"\na\\\n  b\"\"\"\nh = 0xff\ni = { a = 1, b = [] }\nt = 1979-05-27T07:32:00Z" | toJson
required "needed" "x"
required "needed" 0
required "needed" false
lookup "v1" "Pod" "ns" "name" | toJson
duration "95"
typeOf (int64 1)
typeOf (add 1 2)
kindOf (sub 3 1)
kindIs "int" (mul 2 3)
kindIs "int64" (mul 2 3)
typeIs "int64" (div 7 2)
typeIsLike "int64" (mod 7 2)
typeOf (max 1 2)
typeOf (toDecimal "0777")
typeOf (len "abc")
typeOf (int (add 1 1))
typeOf (atoi "7")
typeOf (index (until 3) 1)
typeOf (floor 1.5)
typeOf (index "abc" 1)
typeOf (index (b64dec "YQ==") 0)
typeOf ((semver "1.2.3").Major)
printf "%d %v %s %x %T %q %c %U %05d %+d" (int64 5) (int64 5) (int64 5) (int64 255) (int64 5) (int64 65) (int64 65) (int64 65) (int64 65) (int64 65)
printf "%*d|%.2f" (int64 5) 3 (int64 3)
print (int64 1) 2 (add 1 1) "a" (int64 3)
eq 1 (int64 1)
eq (add 1 1) (int64 2) 5
ne (int64 1) 2
lt 1 (int64 2)
ge (int64 2) 2
eq ((semver "1.2.3").Minor) 2
has 1 (list (int64 1))
has (int64 1) (list (add 1 0))
uniq (list 1 (int64 1) 1.0 1) | toJson
without (list 1 2 (int64 1)) 1 | toJson
deepEqual 1 (int64 1)
deepEqual (int64 1) (add 1)
deepEqual (dict "a" (int64 1)) (dict "a" (add 1))
index (list "a" "b") (int64 1)
slice (list 1 2 3) (int64 1) | toJson
not (int64 0)
empty (int64 0)
default "x" (add 0)
and (int64 0) 1
ternary "a" "b" (eq (add 1 1) 2)
toYaml (dict "a" (int64 1) "b" 2 "c" 3.0)
toJson (list (int64 1) 2 3.5)
toToml (dict "a" (int64 1) "b" 2 "c" 3.0)
quote (int64 5)
cat (int64 1) 2
join "," (list 1 (int64 2))
float64 (int64 3) | typeOf
int (int64 3) | typeOf
mulf 2 (int64 3)
seq (int (int64 3))
duration 95
durationRound (int64 9500000000000)
durationRound 9500000000000
dateInZone "2006" 1500000000 "UTC"
duration (int64 95)
duration "3661"
durationRound "2h10m5s"
durationRound "2400h10m5s"
durationRound "xx"
dateInZone "2006-01-02T15:04:05Z07:00 Monday Jan _2 3PM pm .000" (int64 1500000000) "UTC"
dateInZone "15:04 MST -0700" (int64 1500000000) "America/New_York"
htmlDateInZone (int64 0) "UTC"
toDate "2006-01-02" "2017-12-31" | toString
toDate "2006-01-02" "x" | toString
(toDate "2006-01-02 15:04" "2017-12-31 23:10").Unix
toDate "2006-01-02" "2017-12-31" | unixEpoch
toDate "2006-01-02T15:04:05Z07:00" "2017-12-31T01:02:03+02:00" | unixEpoch
dateModify "-1.5h" (toDate "2006-01-02" "2017-12-31") | toString
dateModify "x" (toDate "2006-01-02" "2017-12-31") | toString
mustDateModify "1h" (toDate "2006-01-02" "2017-12-31") | toJson
(toDate "2006-01-02" "2017-12-31").Weekday
(toDate "2006-01-02" "2017-12-31").AddDate 0 2 1 | toString
derivePassword 1 "long" "password" "user" "example.com"
derivePassword 2 "maximum" "password" "user" "example.com"
derivePassword 1 "nosuch" "password" "user" "example.com"
decryptAES "secretkey" "30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ="
encryptAES "secretkey" "plaintext" | decryptAES "secretkey"
genPrivateKey "nosuch"
htpasswd "a:b" "c"
regexMatch "^\\$2a\\$10\\$.{53}$" (bcrypt "x")
regexMatch "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$" uuidv4
len (randAlphaNum 12)
regexMatch "^[0-9]{9}$" (randNumeric 9)
regexMatch "^-----BEGIN CERTIFICATE-----\n" (genCA "ca" 365).Cert
regexMatch "^-----BEGIN RSA PRIVATE KEY-----\n" (genSelfSignedCert "a" (list "127.0.0.1") (list "b") 365).Key
len (shuffle "hello")
`
  .trim()
  .split("\n");
