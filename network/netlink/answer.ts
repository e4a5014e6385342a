/**
 * The kernel's answers to netlink requests. Pure.
 *
 * @module
 */

import { errnoName, SyscallError } from "../../ffi/errno.ts";
import {
  align,
  HEADER,
  type NetlinkMessage,
  parseAttributes,
  type ParsedAttribute,
  textOf,
  valueOf,
  viewOf,
} from "./message.ts";

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
/** The kernel sends the header of the request only, NETLINK_CAP_ACK. */
const ERROR_SIZE = 4 + HEADER;

/** A request that the kernel has refused. */
export class NetlinkError extends SyscallError {
  override name = "NetlinkError";
  /** Takes the subsystem, the errno and the kernel's own words, if it has any. */
  constructor(subsystem: string, errno: number, readonly reason?: string) {
    super(subsystem, errnoName(errno));
    if (reason) this.message += `: ${reason}`;
  }
}

/** One message of an answer. */
export type Answer =
  & { sequence: number }
  & (
    | { kind: "done" }
    | { kind: "error"; errno: number; reason?: string }
    | { kind: "object"; type: number; bytes: Uint8Array }
  );

/** Splits what was received into messages. */
export function* answersIn(bytes: Uint8Array): Generator<Answer> {
  const view = viewOf(bytes);
  for (let at = 0; at + HEADER <= bytes.length;) {
    const size = view.getUint32(at, true);
    if (size < HEADER || at + size > bytes.length) return;
    const sequence = view.getUint32(at + 8, true);
    const type = view.getUint16(at + 4, true);
    const content = bytes.slice(at + HEADER, at + size);
    if (type === NLMSG_ERROR) {
      yield { sequence, ...errorIn(content, view.getUint16(at + 6, true)) };
    } else if (type === NLMSG_DONE) yield { sequence, kind: "done" };
    else yield { sequence, kind: "object", type, bytes: content };
    at += align(size);
  }
}

/** struct nlmsgerr, and the attributes of an extended acknowledgement. */
function errorIn(content: Uint8Array, flags: number) {
  const errno = -viewOf(content).getInt32(0, true);
  const message = flags & NLM_F_ACK_TLVS
    ? valueOf(parseAttributes(content, ERROR_SIZE), NLMSGERR_ATTR_MSG)
    : undefined;
  return {
    kind: "error" as const,
    errno,
    ...message ? { reason: textOf(message) } : {},
  };
}

/** An object of an answer, whose structure has a known size. */
export const parseObject = (
  bytes: Uint8Array,
  frontSize: number,
): NetlinkMessage<ParsedAttribute> => ({
  front: bytes.slice(0, frontSize),
  attributes: parseAttributes(bytes, align(frontSize)),
});
