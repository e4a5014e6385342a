/**
 * Encodes and decodes base64, with the engine's own functions if it has them.
 */

type FromBase64 = { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };

/** Decodes base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as FromBase64).fromBase64;
  if (native) return native.call(Uint8Array, text);
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Encodes base64. */
export function toBase64(bytes: Uint8Array): string {
  const native = (bytes as { toBase64?: () => string }).toBase64;
  return native ? native.call(bytes) : btoa(
    Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""),
  );
}
