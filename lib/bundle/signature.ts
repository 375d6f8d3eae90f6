import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { RejectedError } from "../errors.ts";

/** The name of the signature of bundle.json in a bundle. */
export const SIGNATURE = "bundle.json.sig";

/** Bytes of an ed25519 signature: RFC 8032, section 5.1.6. */
export const SIGNATURE_SIZE = 64;

/** Makes the signature of bundle.json: ed25519 over its bytes, 64 bytes, as `openssl pkeyutl -rawin` makes it. */
export interface Signer {
  sign(bytes: Uint8Array): Uint8Array;
  /** Tells keys apart: the public key. */
  readonly id: string;
}

/** @param pem a private key, PKCS #8. @throws RejectedError KEY_INVALID */
export function readSigner(pem: string): Signer {
  const key = ed25519(() => createPrivateKey(pem), "private");
  const id = createPublicKey(key).export({ type: "spki", format: "der" }).toString("base64");
  return { id, sign: (bytes) => sign(null, bytes, key) };
}

/** Whether a signature is that of a key. */
export type SignatureCheck = (bytes: Uint8Array, signature: Uint8Array) => boolean;

/** @param pem a public key, SPKI. @throws RejectedError KEY_INVALID */
export function readSignatureCheck(pem: string): SignatureCheck {
  const key = ed25519(() => {
    // node would take the public half of it: who verifies has no business with the other
    if (pem.includes("PRIVATE KEY")) throw new Error("it is a private key");
    return createPublicKey(pem);
  }, "public");
  return (bytes, signature) => signature.byteLength === SIGNATURE_SIZE && verify(null, bytes, key, signature);
}

function ed25519(read: () => KeyObject, kind: string): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch (cause) {
    // what a parser says of a key may quote it
    throw new RejectedError("KEY_INVALID", `Cannot read ${kind} key: it is no ${kind} key in PEM`, { cause });
  }
  if (key.asymmetricKeyType === "ed25519") return key;
  throw new RejectedError("KEY_INVALID", `Cannot use ${kind} key: it is ${key.asymmetricKeyType}, not ed25519`);
}
