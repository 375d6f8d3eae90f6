import http from "node:http";
import type { OnReadOpts, Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Node reads 64 KiB at once: four times as many turns of the event loop, and of all that passes chunks on. */
const READ_BYTES = 256 * 1024;

/**
 * An agent whose connections read much at once, each always into the same buffer: the parser takes a copy of what belongs
 * to a body. For http without TLS; what comes by a proxy or by TLS is read as ever.
 */
export class ReadingAgent extends http.Agent {
  override createConnection(
    options: http.ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const onread: OnReadOpts = {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback(this: Socket, length: number, buffer: Uint8Array) {
        this.emit("data", buffer.subarray(0, length));
        return true;
      },
    };
    return super.createConnection({ ...options, onread } as http.ClientRequestArgs, callback);
  }
}
