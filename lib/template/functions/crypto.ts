import { createCipheriv, createDecipheriv, createHmac, scryptSync } from "node:crypto";
import { type CallContext, FunctionError, type TemplateFunction, templateFunction } from "../function-table.ts";
import { Struct, type Value } from "../value.ts";
import { decodeBase64 } from "./encoding.ts";
import { randomText } from "./random.ts";

/**
 * A PEM block that looks like what Helm would make: the right label, lines and about the right size, with random bytes
 * in an ASN.1 sequence. It is no key and certifies nothing: rendering is for reading, and must be cheap.
 */
function pem(context: CallContext, label: string, size: number): string {
  const content = Buffer.concat([Buffer.from([0x30, 0x82, size >> 8, size & 0xff]), context.random(size)]);
  context.spend(size / 4);
  const lines = content.toString("base64").match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** Label and size of the keys that sprig can generate. */
const keyKinds: ReadonlyMap<string, readonly [string, number]> = new Map([
  ["", ["RSA PRIVATE KEY", 2344]],
  ["rsa", ["RSA PRIVATE KEY", 2344]],
  ["dsa", ["DSA PRIVATE KEY", 836]],
  ["ecdsa", ["EC PRIVATE KEY", 256]],
  ["ed25519", ["PRIVATE KEY", 256]],
]);

function privateKey(context: CallContext, kind: string): string {
  const found = keyKinds.get(kind);
  return found ? pem(context, ...found) : `Unknown type ${kind}`;
}

/** sprig's certificate: a struct, of which templates read `.Cert` and `.Key`. */
const certificate = (cert: string, key: string): Struct =>
  new Struct("sprig.certificate", {
    fields: new Map([
      ["Cert", cert],
      ["Key", key],
    ]),
  });

const generate = (context: CallContext, key?: string): Struct =>
  certificate(pem(context, "CERTIFICATE", 800), key ?? pem(context, "RSA PRIVATE KEY", 1188));

/** What sprig checks of a list of addresses or names before it signs. */
function checkNames(list: readonly Value[], what: string): void {
  for (const item of list) {
    if (typeof item !== "string") throw new FunctionError(`${what}: ${String(item)} is not a string`);
  }
}

function checkAuthority(authority: Value): void {
  if (!(authority instanceof Struct) || authority.type !== "sprig.certificate") {
    throw new FunctionError("wrong type for value; expected sprig.certificate");
  }
  if (!isPem(authority.fields.get("Cert"))) throw new FunctionError("unable to decode certificate");
}

const isPem = (text: Value): boolean =>
  typeof text === "string" && /^-----BEGIN ([A-Z0-9 ]+)-----\n[A-Za-z0-9+/=\s]*\n?-----END \1-----$/m.test(text);

/** A certificate and its key that the values bring, in base64. */
function customCertificate(cert64: string, key64: string): Struct {
  const [cert, key] = [decoded(cert64, "certificate"), decoded(key64, "private key")];
  if (!isPem(cert)) throw new FunctionError("unable to decode certificate");
  if (!isPem(key)) throw new FunctionError("error parsing private key: no PEM data in input");
  return certificate(cert, key);
}

function decoded(text: string, what: string): string {
  try {
    return decodeBase64(text).toString("utf8");
  } catch (error) {
    throw new FunctionError(`unable to decode base64 ${what}`, { cause: error });
  }
}

/** A hash in the format of bcrypt, of random characters: bcrypt salts, so no two calls of Helm agree either. */
const bcrypt = (context: CallContext): string =>
  `$2a$10$${randomText(context, 53n, "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")}`;

/** The 32 bytes of an AES key: the password's first ones, filled up with zeros. */
const aesKey = (password: string): Buffer => Buffer.concat([Buffer.from(password), Buffer.alloc(32)], 32);

function encrypt(context: CallContext, password: string, text: string): string {
  if (text === "") return "";
  context.spend(Math.ceil(text.length / 16));
  const iv = context.random(16);
  const cipher = createCipheriv("aes-256-cbc", aesKey(password), iv);
  return Buffer.concat([iv, cipher.update(text, "utf8"), cipher.final()]).toString("base64");
}

function decrypt(context: CallContext, password: string, text: string): string {
  if (text === "") return "";
  context.spend(Math.ceil(text.length / 16));
  let bytes: Buffer;
  try {
    bytes = decodeBase64(text);
  } catch (error) {
    throw new FunctionError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  if (bytes.length < 16)
    throw new FunctionError(`runtime error: slice bounds out of range [:16] with capacity ${bytes.length}`);
  if (bytes.length % 16 !== 0) throw new FunctionError("crypto/cipher: input not full blocks");
  if (bytes.length === 16) throw new FunctionError("runtime error: index out of range [-1]");
  const decipher = createDecipheriv("aes-256-cbc", aesKey(password), bytes.subarray(0, 16)).setAutoPadding(false);
  const plain = Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]);
  const end = plain.length - plain.at(-1)!;
  if (end < 0) throw new FunctionError(`runtime error: slice bounds out of range [:${end}]`);
  return plain.subarray(0, end).toString("utf8");
}

const consonants = "BCDFGHJKLMNPQRSTVWXYZ";
const vowels = "AEIOU";
const both = vowels + vowels.toLowerCase() + consonants + consonants.toLowerCase();
/** The characters that each letter of a template stands for. (Master Password algorithm, as sprig has it) */
const characters: Readonly<Record<string, string>> = {
  V: vowels,
  C: consonants,
  v: vowels.toLowerCase(),
  c: consonants.toLowerCase(),
  A: vowels + consonants,
  a: both,
  n: "0123456789",
  o: "@&%?,=[]_:-+*$#!'^~;()/.",
  x: `${both}0123456789!@#$%^&*()`,
};
const longTemplates =
  "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno CvcvnoCvccCvcv " +
  "CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno CvccnoCvccCvcv CvccCvccnoCvcv " +
  "CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno";
const templates: ReadonlyMap<string, readonly string[]> = new Map([
  ["maximum", ["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"]],
  ["long", longTemplates.split(" ")],
  ["medium", ["CvcnoCvc", "CvcCvcno"]],
  ["short", ["Cvcn"]],
  ["basic", ["aaanaaan", "aannaaan", "aaannaaa"]],
  ["pin", ["nnnn"]],
]);
const scope = "com.lyndir.masterpassword";

/** What deriving one key costs: 64 MiB of memory traffic. */
const scryptCost = 100_000;

/** The password that the Master Password algorithm gives for a site: the same one everywhere, also from Helm. */
function derivePassword(
  context: CallContext,
  counter: bigint,
  kind: string,
  password: string,
  user: string,
  site: string,
): string {
  const choices = templates.get(kind);
  if (!choices) return `cannot find password template ${kind}`;
  context.spend(scryptCost);
  const salt = Buffer.concat([Buffer.from(scope), uint32(Buffer.byteLength(user)), Buffer.from(user)]);
  const key = scryptSync(password, salt, 64, { N: 32768, r: 8, p: 2, maxmem: 64 * 1024 * 1024 });
  const seed = createHmac("sha256", key)
    .update(
      Buffer.concat([Buffer.from(scope), uint32(Buffer.byteLength(site)), Buffer.from(site), uint32(Number(counter))]),
    )
    .digest();
  const template = choices[seed[0]! % choices.length]!;
  return Array.from(template, (letter, i) => {
    const set = characters[letter]!;
    return set[seed[i + 1]! % set.length];
  }).join("");
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

const addresses = "error parsing ip";
const names = "error processing alternate dns name";

const selfSigned = (context: CallContext, ips: readonly Value[], dns: readonly Value[], key?: string): Struct => {
  checkNames(ips, addresses);
  checkNames(dns, names);
  return generate(context, key);
};

export const cryptoFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["bcrypt", templateFunction(["string"], bcrypt)],
  [
    "htpasswd",
    templateFunction(["string", "string"], (context, user) =>
      user.includes(":") ? `invalid username: ${user}` : `${user}:${bcrypt(context)}`,
    ),
  ],
  ["derivePassword", templateFunction(["int", "string", "string", "string", "string"], derivePassword)],
  ["encryptAES", templateFunction(["string", "string"], encrypt)],
  ["decryptAES", templateFunction(["string", "string"], decrypt)],
  ["genPrivateKey", templateFunction(["string"], privateKey)],
  ["buildCustomCert", templateFunction(["string", "string"], (_, cert, key) => customCertificate(cert, key))],
  ["genCA", templateFunction(["string", "int"], (context) => generate(context))],
  [
    "genCAWithKey",
    templateFunction(["string", "int", "string"], (context, _name, _days, key) => generate(context, key)),
  ],
  [
    "genSelfSignedCert",
    templateFunction(["string", "[]any", "[]any", "int"], (context, _name, ips, dns) => selfSigned(context, ips, dns)),
  ],
  [
    "genSelfSignedCertWithKey",
    templateFunction(["string", "[]any", "[]any", "int", "string"], (context, _name, ips, dns, _days, key) =>
      selfSigned(context, ips, dns, key),
    ),
  ],
  [
    "genSignedCert",
    templateFunction(["string", "[]any", "[]any", "int", "any"], (context, _name, ips, dns, _days, authority) => {
      checkAuthority(authority);
      return selfSigned(context, ips, dns);
    }),
  ],
  [
    "genSignedCertWithKey",
    templateFunction(
      ["string", "[]any", "[]any", "int", "any", "string"],
      (context, _name, ips, dns, _days, authority, key) => {
        checkAuthority(authority);
        return selfSigned(context, ips, dns, key);
      },
    ),
  ],
];
