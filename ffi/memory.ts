/**
 * Bytes as C sees them. A caller that passes an address has to keep a reference
 * to the bytes until the call is over: the garbage collector does not know
 * about C.
 */

import { isWhole, REPLACEMENT, toBytes, toText } from "./text.ts";

/**
 * A NUL-terminated string. A NUL inside would cut it off silently, so it is
 * refused.
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) {
    throw new TypeError(
      `Cannot pass ${JSON.stringify(text)}: it contains a NUL byte`,
    );
  }
  return toBytes(text + "\0");
}

/** The text before the first NUL. */
export function fromCString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return toText(end < 0 ? bytes : bytes.subarray(0, end));
}

/** The address of the first byte; 0 for an empty array. */
export function addressOf(bytes: Uint8Array): bigint {
  return Deno.UnsafePointer.value(
    Deno.UnsafePointer.of(bytes as Uint8Array<ArrayBuffer>),
  );
}

/**
 * Deno refuses a string that is not UTF-8, or replaces its bytes; that differs
 * between versions.
 */
function textOfDeno(view: Deno.UnsafePointerView): string {
  try {
    return view.getCString();
  } catch {
    return REPLACEMENT;
  }
}

/** The C string at a pointer. */
export function textAt(pointer: Deno.PointerValue): string {
  if (pointer === null) throw new TypeError("Cannot read at a null pointer");
  const view = new Deno.UnsafePointerView(pointer);
  const text = textOfDeno(view);
  if (isWhole(text)) return text;
  let length = 0;
  while (view.getUint8(length)) length++;
  const bytes = new Uint8Array(length);
  view.copyInto(bytes);
  return toText(bytes);
}

/** Copies the bytes at an address; all of them have to be mapped. */
export function bytesAt(
  address: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  const pointer = Deno.UnsafePointer.create(BigInt(address));
  if (pointer === null) throw new TypeError("Cannot read at a null pointer");
  new Deno.UnsafePointerView(pointer).copyInto(bytes);
  return bytes;
}
