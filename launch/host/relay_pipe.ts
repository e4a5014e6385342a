/**
 * Makes the pipe that replaces a standard stream which is a file of the host.
 * Runs on the host, in the parent; launch/attend/stream_relay.ts copies.
 */

import {
  type Descriptor,
  duplicateUp,
  enlargePipe,
  moveUp,
  pipe,
  setNonBlocking,
} from "../../ffi/fcntl.ts";
import type { StepOf } from "../../plan/step.ts";

/**
 * The size of a pipe, where the system allows it, pipe(7), and of a single
 * copy.
 */
export const PIPE_SIZE = 1 << 20;

/** A file of the host and its pipe. */
export class RelayPipe implements Disposable {
  readonly #held = new DisposableStack();
  /** The container's end. */
  readonly theirs: Descriptor;
  /** Our end, which never blocks. */
  readonly end: Descriptor;
  /** A duplicate: the program may close its own descriptor. */
  readonly file: Descriptor;
  /** For an input: a read end, to see how many bytes nobody has read. */
  readonly look: Descriptor | null;

  /** Makes the pipe of a step. */
  constructor(readonly step: StepOf<"relayStream">) {
    using held = new DisposableStack();
    const { read, write } = pipe();
    const [their, our] = step.input ? [read, write] : [write, read];
    held.use(their);
    held.use(our);
    enlargePipe(our, PIPE_SIZE);
    this.theirs = held.use(moveUp(their));
    this.end = held.use(moveUp(our));
    setNonBlocking(this.end);
    this.file = held.use(duplicateUp(step.descriptors[0]!));
    this.look = step.input ? held.use(duplicateUp(this.theirs.fd)) : null;
    this.#held = held.move();
  }

  [Symbol.dispose](): void {
    this.#held[Symbol.dispose]();
  }
}
