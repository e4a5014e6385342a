/** A message of one byte and a descriptor, in the form of sendmsg(2). */

import type { Block } from "../bytecode/call.ts";

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;

/**
 * Builds a struct msghdr, sendmsg(2), with one byte of data and a descriptor.
 */
export function descriptorMessage(news: number, fd: number): Block {
  const control = new Uint8Array(24);
  const view = new DataView(control.buffer);
  view.setBigUint64(0, 20n, true);
  view.setInt32(8, SOL_SOCKET, true);
  view.setInt32(12, SCM_RIGHTS, true);
  view.setInt32(16, fd, true);
  const vector = new Uint8Array(16);
  new DataView(vector.buffer).setBigUint64(8, 1n, true);
  const message = new Uint8Array(56);
  const header = new DataView(message.buffer);
  header.setBigUint64(24, 1n, true);
  header.setBigUint64(40, 24n, true);
  return {
    bytes: message,
    pointers: [
      {
        at: 16,
        to: {
          bytes: vector,
          pointers: [{ at: 0, to: new Uint8Array([news]) }],
        },
      },
      { at: 32, to: control },
    ],
  };
}
