/**
 * A request to the helper for files, and its answer. Both are the same bytes in
 * a room that all helpers of this process share, because only one message is
 * written or read at a time. Pure.
 */

import { type Errno, errnoName } from "../../ffi/errno.ts";
import { cString } from "../../ffi/memory.ts";
import { numberOf, type SyscallName } from "../../ffi/numbers.ts";
import type { Descriptor } from "../../ffi/fcntl.ts";
import {
  ARGUMENT_IS,
  CHECK_WORD,
  FILE_CALL,
  FILE_CALL_FLAG,
  FILE_CALL_SIZE,
  FILES_ROOM,
  NO_CALL,
  REQUEST,
  REQUEST_SIZE,
} from "../../launch/files_layout.ts";

/** The most calls of a request. */
const MOST_CALLS = 16;
const DATA = REQUEST_SIZE + MOST_CALLS * FILE_CALL_SIZE;
const ARGUMENTS = 6;
/** The result of a call that was not made. */
const NOT_MADE = -4096n;

/** The most bytes of data, without those of some paths. */
export const MOST_DATA = 98304;

/** A place in the message. */
export interface Place {
  place: number;
  length: number;
}

/** The result of an earlier call. */
export interface Result {
  call: number;
}

/** The descriptor that goes with the request. */
export const RECEIVED = Symbol("received");

/** An argument of a call. */
export type FileArgument = number | bigint | Place | Result | typeof RECEIVED;

const isPlace = (argument: object): argument is Place => "place" in argument;

/** The room of all messages. */
export const room = new Uint8Array(FILES_ROOM);
const view = new DataView(room.buffer);

/** A request that is being written. Only one exists at a time. */
export class FileRequest {
  #calls = 0;
  #end = DATA;

  constructor() {
    view.setUint32(REQUEST.calls, 0, true);
    view.setUint32(REQUEST.send, NO_CALL, true);
    view.setUint32(REQUEST.more, NO_CALL, true);
    view.setUint32(REQUEST.answer, DATA, true);
  }

  /** Adds bytes, or a path that ends with NUL. */
  data(data: string | Uint8Array): Place {
    const bytes = typeof data === "string" ? cString(data) : data;
    const found = this.space(bytes.length);
    room.set(bytes, found.place);
    return found;
  }

  /** Makes space for bytes that a call writes. */
  space(length: number): Place {
    const place = this.#end;
    this.#end = (place + length + 7) & ~7;
    if (this.#end > FILES_ROOM) {
      throw new RangeError("Cannot send the request: it is too long");
    }
    return { place, length };
  }

  /** Adds a call. */
  call(
    name: SyscallName,
    args: readonly FileArgument[],
    { mayFail = false } = {},
  ): Result {
    return this.#add(numberOf(name), args, mayFail);
  }

  /** Adds the check that a file at `status`, of statx(2), has this type. */
  checkType(status: Place, type: number, error: number): Result {
    return this.#add(CHECK_WORD, [
      { place: status.place + STATX_MODE, length: 4 },
      S_IFMT,
      type,
      error,
    ], false);
  }

  #add(
    number: number,
    args: readonly FileArgument[],
    mayFail: boolean,
  ): Result {
    const call = this.#calls++;
    if (call >= MOST_CALLS) throw new RangeError("Too many calls");
    const at = callAt(call);
    room.fill(0, at, at + FILE_CALL_SIZE);
    view.setInt32(at + FILE_CALL.number, number, true);
    view.setUint8(at + FILE_CALL.flags, mayFail ? FILE_CALL_FLAG.mayFail : 0);
    view.setBigInt64(at + FILE_CALL.result, NOT_MADE, true);
    for (let index = 0; index < ARGUMENTS; index++) {
      const { [index]: argument = 0 } = args;
      const [kind, value] = wordOf(argument);
      view.setUint8(at + FILE_CALL.kinds + index, kind);
      view.setBigInt64(at + FILE_CALL.args + 8 * index, value, true);
    }
    view.setUint32(REQUEST.calls, this.#calls, true);
    return { call };
  }

  /** Sends the descriptor that a call returns. */
  send({ call }: Result): void {
    view.setUint32(REQUEST.send, call, true);
  }

  /**
   * The answer has the bytes up to the end of this place; with `filled`, only as
   * many of the place as that call returns.
   */
  answerWith({ place, length }: Place, filled?: Result): void {
    view.setUint32(REQUEST.answer, filled ? place : place + length, true);
    if (filled) view.setUint32(REQUEST.more, filled.call, true);
  }

  /** The bytes of the request. */
  get bytes(): Uint8Array {
    return room.subarray(0, this.#end);
  }
}

function wordOf(argument: FileArgument): [kind: number, value: bigint] {
  if (argument === RECEIVED) return [ARGUMENT_IS.received, 0n];
  if (typeof argument !== "object") {
    return [ARGUMENT_IS.value, BigInt(argument)];
  }
  return isPlace(argument)
    ? [ARGUMENT_IS.place, BigInt(argument.place)]
    : [ARGUMENT_IS.result, BigInt(argument.call)];
}

const callAt = (call: number) => REQUEST_SIZE + call * FILE_CALL_SIZE;

/** st_mode in struct statx, and the bits of the type, inode(7). */
export const STATX_MODE = 28;
export const S_IFMT = 0xf000;
export const S_IFREG = 0x8000;
export const S_IFDIR = 0x4000;

/** The answer to a request; it can be read until the next one is written. */
export class FileAnswer {
  constructor(
    /** How many bytes it has. */
    readonly size: number,
    /** The descriptor that came with it. */
    readonly descriptor: Descriptor | null,
  ) {
    if (size < DATA) {
      throw new RangeError("The answer of the helper is cut off");
    }
  }

  /** What a call returned; negative for an error or if it was not made. */
  result({ call }: Result): number {
    const value = view.getBigInt64(callAt(call) + FILE_CALL.result, true);
    return value < -4096n ? -4096 : Number(value);
  }

  /** The name of a call's error; null if it succeeded. */
  errorOf(call: Result): Errno | `E${number}` | null {
    const value = this.result(call);
    return value < 0 && value > -4096 ? errnoName(-value) : null;
  }

  /** Whether a call was made. */
  isMade(call: Result): boolean {
    return this.result(call) !== Number(NOT_MADE);
  }

  /** The first error of a call that may not fail. */
  failure(): Errno | `E${number}` | null {
    const count = Math.min(view.getUint32(REQUEST.calls, true), MOST_CALLS);
    for (let call = 0; call < count; call++) {
      const isFatal = !(view.getUint8(callAt(call) + FILE_CALL.flags) &
        FILE_CALL_FLAG.mayFail);
      const error = this.errorOf({ call });
      if (error && isFatal) return error;
    }
    return null;
  }

  /** A copy of the first bytes of a place. */
  bytes({ place, length }: Place, count = length): Uint8Array<ArrayBuffer> {
    const end = Math.min(place + Math.min(count, length), this.size);
    return room.slice(place, Math.max(place, end));
  }
}
