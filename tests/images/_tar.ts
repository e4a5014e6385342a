/** Tar files, byte by byte: also those that no program would write. */

const encoder = new TextEncoder();

/** Bytes as they are, or a text in UTF-8. */
export type Text = string | Uint8Array;

const bytes = (text: Text) =>
  typeof text === "string" ? encoder.encode(text) : text;

/** One after the other. */
export function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Filled up to whole blocks. */
export const padded = (data: Uint8Array): Uint8Array =>
  joined(data, new Uint8Array((512 - data.length % 512) % 512));

/** The fields of a header. */
export interface Fields {
  type?: string;
  data?: Text;
  mode?: number;
  uid?: number;
  gid?: number;
  link?: Text;
  time?: number;
  major?: number;
  minor?: number;
  prefix?: Text;
  magic?: "ustar" | "gnu" | "v7";
  /** Another size than that of the data. */
  size?: number;
  /** Changes the header before its checksum is made. */
  patch?: (block: Uint8Array) => void;
  /** Changes it afterwards. */
  damage?: (block: Uint8Array) => void;
}

const MAGIC = { ustar: "ustar\x0000", gnu: "ustar  \0", v7: "" };

/** Writes a number in GNU's base-256 form. */
export const base256 = (
  block: Uint8Array,
  at: number,
  length: number,
  value: bigint,
) => {
  for (let index = at + length - 1; index >= at; index--) {
    block[index] = Number(BigInt.asUintN(8, value));
    value >>= 8n;
  }
  block[at]! |= 0x80;
};

/** A header and its data. */
export function entry(name: Text, fields: Fields = {}): Uint8Array {
  const block = new Uint8Array(512);
  const put = (at: number, text: Text) => block.set(bytes(text), at);
  const octal = (at: number, length: number, value: number) =>
    put(at, value.toString(8).padStart(length - 1, "0"));
  const { type = "0", magic = "ustar", mode = type === "5" ? 0o755 : 0o644 } =
    fields;
  const data = bytes(fields.data ?? "");
  put(0, name);
  octal(100, 8, mode);
  octal(108, 8, fields.uid ?? 0);
  octal(116, 8, fields.gid ?? 0);
  octal(124, 12, fields.size ?? data.length);
  octal(136, 12, fields.time ?? 1_000_000_000);
  put(156, type);
  put(157, fields.link ?? "");
  put(257, MAGIC[magic]);
  if (magic !== "v7") {
    octal(329, 8, fields.major ?? 0);
    octal(337, 8, fields.minor ?? 0);
  }
  if (fields.prefix) put(345, fields.prefix);
  fields.patch?.(block);
  put(148, "        ");
  const sum = block.reduce((sum, byte) => sum + byte, 0);
  put(148, sum.toString(8).padStart(6, "0") + "\0 ");
  fields.damage?.(block);
  return joined(block, padded(data));
}

export const directory = (name: Text, fields: Fields = {}) =>
  entry(name, { type: "5", ...fields });
export const file = (name: Text, data: Text, fields: Fields = {}) =>
  entry(name, { data, ...fields });
export const symlink = (name: Text, link: Text, fields: Fields = {}) =>
  entry(name, { type: "2", link, mode: 0o777, ...fields });
export const hardLink = (name: Text, link: Text, fields: Fields = {}) =>
  entry(name, { type: "1", link, ...fields });

/** Pax records, whose lengths count themselves. */
export function records(values: Record<string, Text>): Uint8Array {
  return joined(
    ...Object.entries(values).map(([key, value]) => {
      const rest = joined(
        encoder.encode(` ${key}=`),
        bytes(value),
        bytes("\n"),
      );
      let length = rest.length;
      while (String(length).length + rest.length !== length) length++;
      return joined(encoder.encode(String(length)), rest);
    }),
  );
}

/** An extended header for the next entry, or with "g" for all. */
export const pax = (values: Record<string, Text>, type = "x"): Uint8Array =>
  entry("pax", { type, data: records(values) });

/** GNU's long name ("L") or link target ("K"). */
export const gnuLong = (type: "L" | "K", text: string): Uint8Array =>
  entry("././@LongLink", { type, data: text + "\0", magic: "gnu" });

/** The two blocks at the end. */
export const END = new Uint8Array(1024);

/** A whole archive. */
export const tar = (...parts: Uint8Array[]): Uint8Array<ArrayBuffer> =>
  joined(...parts, END);
