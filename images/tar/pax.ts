/** Records of pax extended headers: "LENGTH KEY=VALUE\n". Pure. */

import { bytesOf, type ByteString, byteString } from "./byte_string.ts";

/** A key, and its value as bytes. */
export type PaxRecords = Map<ByteString, Uint8Array>;

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;

/** GNU's sparse format 0.0 repeats these keys, once for each region. */
const REPEATED = new Set(["GNU.sparse.offset", "GNU.sparse.numbytes"]);

/** The key under which the repeated ones are kept: "0,10,512,20". */
export const SPARSE_MAP = "GNU.sparse.map";

/** Keys with a NUL in the value would name another file than they show. */
const NAMES = new Set(["path", "linkpath", "GNU.sparse.name"]);

/**
 * Reads records. A record with an empty value takes an earlier one of a global
 * header back.
 *
 * @throws string what is wrong, for the caller to put into a sentence
 */
export function readRecords(bytes: Uint8Array): PaxRecords | string {
  const records: PaxRecords = new Map();
  const regions: string[] = [];
  for (let at = 0; at < bytes.length;) {
    let length = 0;
    let digits = at;
    for (; digits < bytes.length && bytes[digits] !== SPACE; digits++) {
      const digit = bytes[digits]! - 0x30;
      if (digit < 0 || digit > 9 || digits > at + 9) return WRONG;
      length = length * 10 + digit;
    }
    const end = at + length;
    if (end > bytes.length || end <= digits + 1) return WRONG;
    if (bytes[end - 1] !== NEWLINE) return WRONG;
    const equals = bytes.indexOf(EQUALS, digits + 1);
    if (equals < 0 || equals >= end || equals === digits + 1) return WRONG;
    const key = byteString(bytes, digits + 1, equals);
    const value = bytes.slice(equals + 1, end - 1);
    if (NAMES.has(key) && value.includes(0)) {
      return `its ${key} contains a NUL byte`;
    }
    if (REPEATED.has(key)) regions.push(byteString(value));
    else records.set(key, value);
    at = end;
  }
  if (regions.length) records.set(SPARSE_MAP, bytesOf(regions.join(",")));
  return records;
}

const WRONG = "an extended header (pax) is malformed";

/** What the key of an extended attribute begins with. */
export const XATTR = "SCHILY.xattr.";
const LIBARCHIVE_XATTR = "LIBARCHIVE.xattr.";

/**
 * The extended attributes in records. libarchive writes them twice; its own
 * form is used only if there is no other.
 */
export function attributesIn(records: PaxRecords): PaxRecords | null {
  let found: PaxRecords | null = null;
  for (const [key, value] of records) {
    if (!key.startsWith(XATTR)) continue;
    (found ??= new Map()).set(key.slice(XATTR.length), value);
  }
  for (const [key, value] of records) {
    if (!key.startsWith(LIBARCHIVE_XATTR)) continue;
    const name = key.slice(LIBARCHIVE_XATTR.length)
      .replace(
        /%([0-9a-fA-F]{2})/g,
        (_, hex) => String.fromCharCode(parseInt(hex, 16)),
      );
    if (found?.has(name)) continue;
    const decoded = fromBase64(byteString(value));
    if (decoded) (found ??= new Map()).set(name, decoded);
  }
  return found;
}

function fromBase64(text: string): Uint8Array | null {
  try {
    return bytesOf(atob(text));
  } catch {
    return null;
  }
}

/** A record with its own length in front. */
export function record(key: ByteString, value: ByteString): ByteString {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) {
    length = String(length).length + rest.length;
  }
  return length + rest;
}
