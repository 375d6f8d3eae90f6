import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** A key and a self-signed certificate for 127.0.0.1, in PEM, made by openssl. Good for a day. */
export async function makeCertificate(): Promise<{ readonly key: string; readonly cert: string }> {
  const { stdout } = await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
    ...["-subj", "/CN=stowage-test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "-", "-out", "-"],
  ]);
  const end = stdout.indexOf("-----BEGIN CERTIFICATE-----");
  return { key: stdout.slice(0, end), cert: stdout.slice(end) };
}
